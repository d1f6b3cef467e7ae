#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "k8s/cni/conflist.h"
#include "k8s/cni/plugin.h"

namespace {

using namespace epaulet;
using namespace epaulet::cni;

/// Whatever a runtime hands over, with whatever annotation of a pod's author in it: there is an
/// answer that a runtime can read, and rules are installed for nobody who does not get the result.
void call_it(std::string_view command, std::string_view input) {
  int installed = 0;
  Hands hands;
  hands.install = [&](const redirect::RedirectOptions&) {
    ++installed;
    redirect::Report report;
    report.ok = true;
    return report;
  };
  hands.check = hands.install;
  const auto said = answer({std::string(command), "", std::string(input)}, hands);
  EPAULET_ASSERT(installed == 0 || said.exit_code == 0);
  if (said.text.empty()) return;
  const auto read = boost::json::parse(said.text);
  EPAULET_ASSERT(read.is_object());
  EPAULET_ASSERT(said.exit_code == 0 || read.get_object().contains("msg"));
}

/// A list that gets us has us once, and what is taken out of it again is out.
void write_it(std::string_view list) {
  const auto made = with_plugin(list);
  if (!made || !*made) return;
  const auto again = with_plugin(**made);
  EPAULET_ASSERT(again && !*again);
  const auto without = without_plugin(**made);
  EPAULET_ASSERT(without && !without_plugin(*without));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string_view command : {"ADD", "CHECK", "VERSION"}) call_it(command, bytes);
  write_it(bytes);
  return 0;
}

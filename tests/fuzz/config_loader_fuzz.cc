// A configuration of any bytes: settings or errors, never both, never neither; every place lies in
// the text; what is printed is printable; and the dump of what was accepted is accepted again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "config/loader.h"
#include "config/settings_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace epaulet;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = load_settings("f.yaml", text, "/etc/epaulet");
  EPAULET_ASSERT(result.ok() == result.diagnostics.empty());
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  for (const auto& diagnostic : result.diagnostics) {
    EPAULET_ASSERT(!diagnostic.message.empty());
    EPAULET_ASSERT(diagnostic.origin.line <= lines);
    EPAULET_ASSERT(diagnostic.origin.column <= size + 1);
    for (const char c : diagnostic.format()) {
      EPAULET_ASSERT(c == '\n' || c == '\t' ||
                     (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    }
  }
  if (!result.ok()) return 0;
  const auto dump = settings_to_json(*result.settings);
  const auto again = load_settings("dump.json", dump, "/elsewhere");
  EPAULET_ASSERT(again.ok());
  EPAULET_ASSERT(settings_to_json(*again.settings) == dump);
  return 0;
}

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "policy/path_hygiene.h"
#include "route/pattern.h"
#include "tests/fuzz/support/naive_path.h"

namespace {

using namespace epaulet;

/// What settle_path() does with the path as a request target.
void settle(const std::string& path, const boost::system::result<std::string, PathFlaw>& normal) {
  const std::string target = "http://host" + path + "?" + path;
  http::RequestHead head;
  head.form = http::TargetForm::absolute;
  head.target = target;
  head.path = head.target.substr(11, path.size());
  const bool settled = settle_path(head, PathHygiene::normalize).has_value();
  EPAULET_ASSERT(settled == normal.has_value());
  if (!settled) return;
  EPAULET_ASSERT(head.path == *normal);
  if (head.path != path) {
    const std::string expected = "http://host" + *normal + "?" + path;
    EPAULET_ASSERT(std::string_view(head.rewritten_target) == expected);
  } else {
    EPAULET_ASSERT(head.rewritten_target.empty());
  }
}

/// A path without wildcards is a pattern of itself.
void match_itself(const std::string& path) {
  const PathPattern pattern(path);
  const bool is_wild = path.find('*') != std::string::npos;
  if (!is_wild) EPAULET_ASSERT(!pattern.matches_everything());
  EPAULET_ASSERT(is_wild || pattern.matches(path));
  EPAULET_ASSERT(PathPattern("/**").matches(path));
  const auto last = path.rfind('/');
  if (last > 0 && path.substr(0, last).find('*') == std::string::npos) {
    EPAULET_ASSERT(PathPattern(path.substr(0, last) + "/**").matches(path));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The first line is a path, a second one is a pattern.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto newline = text.find('\n');
  const std::string path = "/" + std::string(text.substr(0, newline));
  const auto normal = normalize(path);
  EPAULET_ASSERT(is_normal(path) == (normal.has_value() && *normal == path));
  (void)is_double_encoded(path);
  settle(path, normal);
  if (!normal) {
    EPAULET_ASSERT(normal.error() >= PathFlaw::broken_encoding);
    return 0;
  }
  EPAULET_ASSERT(is_normal(*normal));
  EPAULET_ASSERT(normal->size() <= path.size());
  // Nobody reads the normal form in another way than the most modest reader, and the bold ones read
  // it as they would have read the raw path.
  EPAULET_ASSERT(boldest_reading(*normal) == modest_reading(*normal));
  EPAULET_ASSERT(boldest_reading(*normal) == boldest_reading(path));
  match_itself(*normal);

  if (newline == std::string_view::npos) return 0;
  const PathPattern pattern(text.substr(newline + 1));
  if (pattern.matches(*normal)) EPAULET_ASSERT(pattern.matches(*normal, Reading::lenient));
  return 0;
}

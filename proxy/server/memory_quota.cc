#include "server/memory_quota.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/limits.h"

namespace epaulet::server {
namespace {

/// Version 1 says "none" with the largest multiple of a page.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

std::optional<std::uint64_t> parse_limit(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc{} || value >= kNoLimit) return std::nullopt;  // "max" is none.
  return value;
}

struct Hierarchy {
  std::string mount;
  std::string file;
};

/// Of a line `ID:CONTROLLERS:PATH` of /proc/self/cgroup (cgroups(7)); nothing: not memory's.
std::optional<Hierarchy> hierarchy_of(std::string_view controllers) {
  if (controllers.empty()) return Hierarchy{"/sys/fs/cgroup", "memory.max"};
  for (std::size_t begin = 0; begin <= controllers.size();) {
    const auto end = std::min(controllers.find(',', begin), controllers.size());
    if (controllers.substr(begin, end - begin) == "memory") {
      return Hierarchy{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"};
    }
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> memory_quota(
    std::string_view groups, const std::function<std::optional<std::string>(std::string)>& read) {
  std::optional<std::uint64_t> lowest;
  while (!groups.empty()) {
    const auto end = std::min(groups.find('\n'), groups.size());
    const auto line = groups.substr(0, end);
    groups.remove_prefix(std::min(end + 1, groups.size()));
    const auto first = line.find(':');
    const auto second = line.find(':', first == line.npos ? first : first + 1);
    if (second == line.npos) continue;
    const auto hierarchy = hierarchy_of(line.substr(first + 1, second - first - 1));
    if (!hierarchy) continue;
    // Inside a container the path may be one of the host's, of which only the root is mounted here.
    std::string path(line.substr(second + 1));
    for (;;) {
      if (path == "/") path.clear();
      const auto limit = parse_limit(read(hierarchy->mount + path + "/" + hierarchy->file));
      if (limit) lowest = std::min(lowest.value_or(*limit), *limit);
      if (path.empty()) break;
      path.resize(path.rfind('/'));
    }
  }
  return lowest;
}

std::optional<std::uint64_t> memory_quota() {
  const auto read = [](const std::string& path) -> std::optional<std::string> {
    std::ifstream file(path);
    if (!file) return std::nullopt;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  };
  return memory_quota(read("/proc/self/cgroup").value_or(""), read);
}

std::uint32_t connections_by_quota(std::uint64_t bytes) {
  const auto left = bytes - std::min<std::uint64_t>(bytes, limits::kProcessMemoryBytes);
  const auto fit = std::clamp<std::uint64_t>(left / limits::kConnectionMemoryBytes, 1, 1'000'000);
  return static_cast<std::uint32_t>(fit);
}

}  // namespace epaulet::server

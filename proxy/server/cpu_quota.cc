#include "server/cpu_quota.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include "base/limits.h"

namespace epaulet::server {

std::size_t workers_by_quota(std::string_view cpu_max) {
  const auto space = cpu_max.find(' ');
  if (space == std::string_view::npos) return 1;
  const auto number = [](std::string_view text) {
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    return parsed.ec == std::errc{} ? value : 0;
  };
  const auto quota = number(cpu_max.substr(0, space));
  const auto period = number(cpu_max.substr(space + 1));
  if (quota == 0 || period == 0) return 1;
  return std::clamp<std::size_t>((quota + period - 1) / period, 1, limits::kWorkersMax);
}

std::size_t workers_by_quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string line;
  if (!std::getline(file, line)) return 1;
  return workers_by_quota(line);
}

}  // namespace epaulet::server

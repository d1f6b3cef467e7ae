#include "telemetry/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace epaulet::telemetry {
namespace {

std::optional<std::uint64_t> count_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return std::nullopt;
  std::uint64_t count = 0;
  // "." and ".." are no descriptors, and the one that is open to look is not ours to count.
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(folder);
  return count > 0 ? count - 1 : 0;
}

std::optional<std::uint64_t> number_at(const std::array<std::string_view, 52>& fields,
                                       std::size_t index) {
  std::uint64_t value = 0;
  const auto text = fields[index];
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void parse_process_stat(std::string_view text, std::uint64_t page_bytes,
                        std::uint64_t ticks_per_second, ProcessStats& out) {
  // The second field is a file name in parentheses, which may hold spaces and parentheses itself.
  const auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 > text.size()) return;
  text.remove_prefix(name_end + 2);
  std::array<std::string_view, 52> fields;  // fields[3] is the third one of proc(5).
  for (std::size_t i = 3; i < fields.size() && !text.empty(); ++i) {
    const auto end = text.find_first_of(" \n");
    fields[i] = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  const auto user = number_at(fields, 14);
  const auto system = number_at(fields, 15);
  if (user && system && ticks_per_second > 0) {
    out.cpu_seconds = static_cast<double>(*user + *system) / static_cast<double>(ticks_per_second);
  }
  out.threads = number_at(fields, 20);
  out.virtual_bytes = number_at(fields, 23);
  if (const auto pages = number_at(fields, 24)) out.resident_bytes = *pages * page_bytes;
}

ProcessStats read_process_stats() {
  ProcessStats stats;
  const int file = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    std::array<char, 2048> text;
    const ssize_t size = ::read(file, text.data(), text.size());
    ::close(file);
    if (size > 0) {
      parse_process_stat({text.data(), static_cast<std::size_t>(size)},
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                         static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)), stats);
    }
  }
  stats.open_descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.descriptors_max = limit.rlim_cur;
  return stats;
}

}  // namespace epaulet::telemetry

#include "telemetry/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <span>

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

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What comes before the next space or line's end, and is taken from `text`.
std::string_view next_word(std::string_view& text) {
  const auto end = text.find_first_of(" \n");
  const auto word = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return word;
}

/// At most as much of the file as fits into `space`; nothing if it cannot be opened.
std::string_view read_file(const char* path, std::span<char> space) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::size_t size = 0;
  while (size < space.size()) {
    const ssize_t got = ::read(file, space.data() + size, space.size() - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  ::close(file);
  return {space.data(), size};
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
    fields[i] = next_word(text);
  }
  const auto user = number_of(fields[14]);
  const auto system = number_of(fields[15]);
  if (user && system && ticks_per_second > 0) {
    out.cpu_seconds = static_cast<double>(*user + *system) / static_cast<double>(ticks_per_second);
  }
  out.threads = number_of(fields[20]);
  out.virtual_bytes = number_of(fields[23]);
  if (const auto pages = number_of(fields[24])) out.resident_bytes = *pages * page_bytes;
}

std::optional<std::uint64_t> parse_listen_drops(std::string_view text) {
  constexpr std::string_view kGroup = "TcpExt:";
  while (!text.starts_with(kGroup)) {
    const auto end = text.find('\n');
    if (end == text.npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  const auto names_end = text.find('\n');
  if (names_end == text.npos) return std::nullopt;
  auto names = text.substr(0, names_end);
  auto numbers = text.substr(names_end + 1);
  if (!numbers.starts_with(kGroup)) return std::nullopt;
  numbers = numbers.substr(0, numbers.find('\n'));
  while (!names.empty() && !numbers.empty()) {
    const auto name = next_word(names);
    const auto number = next_word(numbers);
    if (name == "ListenDrops") return number_of(number);
  }
  return std::nullopt;
}

ProcessStats read_process_stats() {
  ProcessStats stats;
  std::array<char, 16384> space;
  parse_process_stat(read_file("/proc/self/stat", space),
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                     static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)), stats);
  stats.listen_drops = parse_listen_drops(read_file("/proc/self/net/netstat", space));
  stats.open_descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.descriptors_max = limit.rlim_cur;
  return stats;
}

}  // namespace epaulet::telemetry

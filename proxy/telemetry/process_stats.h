#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace epaulet::telemetry {

/// What the kernel says of this process and of its network namespace. A number it did not give is
/// absent: no descriptor may be left to ask with.
struct ProcessStats {
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> virtual_bytes;
  std::optional<std::uint64_t> threads;
  std::optional<std::uint64_t> open_descriptors;
  std::optional<std::uint64_t> descriptors_max;
  std::optional<double> cpu_seconds;
  std::optional<std::uint64_t> listen_drops;  ///< Of all listeners in the pod, the app's too.
};

[[nodiscard]] ProcessStats read_process_stats();

/// Takes what `text`, the contents of /proc/PID/stat (proc(5)), says. Nothing of a text of another
/// form.
void parse_process_stat(std::string_view text, std::uint64_t page_bytes,
                        std::uint64_t ticks_per_second, ProcessStats& out);

/// TcpExt's ListenDrops of `text`, the contents of /proc/PID/net/netstat: two lines for each group,
/// of names and of numbers.
[[nodiscard]] std::optional<std::uint64_t> parse_listen_drops(std::string_view text);

}  // namespace epaulet::telemetry

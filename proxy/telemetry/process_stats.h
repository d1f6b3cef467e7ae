#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace epaulet::telemetry {

/// What the kernel says of this process. A number it did not give is absent: no descriptor may be
/// left to ask with.
struct ProcessStats {
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> virtual_bytes;
  std::optional<std::uint64_t> threads;
  std::optional<std::uint64_t> open_descriptors;
  std::optional<std::uint64_t> descriptors_max;
  std::optional<double> cpu_seconds;
};

[[nodiscard]] ProcessStats read_process_stats();

/// Takes what `text`, the contents of /proc/PID/stat (proc(5)), says. Nothing of a text of another
/// form.
void parse_process_stat(std::string_view text, std::uint64_t page_bytes,
                        std::uint64_t ticks_per_second, ProcessStats& out);

}  // namespace epaulet::telemetry

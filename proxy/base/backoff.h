#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace epaulet {

/// How long the control thread waits after the nth failure in a row (1, 2, ...) of something that
/// it asks others for: 1 s, doubled each time, at most `most`; half of it by `chance`, in [0, 1).
[[nodiscard]] inline std::chrono::milliseconds backoff(std::uint32_t failures,
                                                       std::chrono::milliseconds most,
                                                       double chance) {
  constexpr std::chrono::milliseconds kFirst{1000};
  constexpr std::uint32_t kDoublingsMax = 10;
  const auto doublings = std::min(failures == 0 ? 0 : failures - 1, kDoublingsMax);
  const auto full = std::min(kFirst * (1 << doublings), most);
  return std::chrono::duration_cast<std::chrono::milliseconds>(full * (0.5 + 0.5 * chance));
}

}  // namespace epaulet

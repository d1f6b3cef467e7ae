#pragma once

#include <chrono>
#include <cstdint>

#include "crypto/wall_time.h"

namespace epaulet::enroll {

/// When to ask for the next certificate: after 50 to 70 % of what the present one had left when it
/// came, so that a fleet that started at once does not renew at once, and a service that is away
/// has the rest of the time to come back. `chance`: in [0, 1).
[[nodiscard]] inline WallTime renewal_time(WallTime since, WallTime until, double chance) {
  const auto life = std::chrono::duration<double>(until - since);
  return since + std::chrono::duration_cast<std::chrono::nanoseconds>(life * (0.5 + 0.2 * chance));
}

/// How long to wait after the nth failure in a row (1, 2, ...): 1 s, doubled each time, at most
/// `most`; half of it by chance.
[[nodiscard]] inline std::chrono::milliseconds backoff(std::uint32_t failures,
                                                       std::chrono::milliseconds most,
                                                       double chance) {
  constexpr std::chrono::milliseconds kFirst{1000};
  constexpr std::uint32_t kDoublingsMax = 10;
  const auto doublings = std::min(failures == 0 ? 0 : failures - 1, kDoublingsMax);
  const auto full = std::min(kFirst * (1 << doublings), most);
  return std::chrono::duration_cast<std::chrono::milliseconds>(full * (0.5 + 0.5 * chance));
}

}  // namespace epaulet::enroll

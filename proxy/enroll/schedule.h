#pragma once

#include <chrono>

#include "base/backoff.h"
#include "crypto/wall_time.h"

namespace epaulet::enroll {

/// When to ask for the next certificate: after 50 to 70 % of what the present one had left when it
/// came, so that a fleet that started at once does not renew at once, and a service that is away
/// has the rest of the time to come back. `chance`: in [0, 1).
[[nodiscard]] inline WallTime renewal_time(WallTime since, WallTime until, double chance) {
  const auto life = std::chrono::duration<double>(until - since);
  return since + std::chrono::duration_cast<std::chrono::nanoseconds>(life * (0.5 + 0.2 * chance));
}

}  // namespace epaulet::enroll

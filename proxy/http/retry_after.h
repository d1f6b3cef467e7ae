#pragma once

#include <chrono>
#include <optional>

#include "http/message.h"
#include "runtime/clock.h"

namespace epaulet::http {

/// Longer ones count as this: a slip of a server's clock must not take an endpoint away for a day.
inline constexpr std::chrono::minutes kRetryAfterMax{5};

/// `Retry-After` (RFC 9110 section 10.2.3) of a 429 or 503: from now on, at most kRetryAfterMax. A
/// date is compared with `now`; one that has passed is zero. Nothing if there is none, or if it is
/// malformed.
[[nodiscard]] std::optional<std::chrono::nanoseconds> retry_after(const ResponseHead& head,
                                                                  WallTime now);

}  // namespace epaulet::http

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/clock.h"

namespace epaulet::jwks {

/// No server shortens that by `max-age`, no-store or no-cache, which frameworks send unasked: each
/// sidecar of a fleet would be at the issuer all the time. New keys come on demand, sooner.
inline constexpr std::chrono::seconds kFreshAtLeast{60};

/// When an issuer's keys are fetched: at once, again when they have aged, sooner if a token names a
/// key that is not among them, but for that no more often than once in limits::kJwksDemandEvery.
/// After failures it backs off, to limits::kJwksBackoffMax at most, and demand changes nothing of
/// that: who is down is not asked more often because many ask us.
class FetchSchedule {
 public:
  /// `refresh`: the longest that a set counts as fresh.
  FetchSchedule(std::chrono::nanoseconds refresh, TimePoint now) : refresh_(refresh), next_(now) {}

  [[nodiscard]] TimePoint next() const { return next_; }
  [[nodiscard]] bool is_failing() const { return failures_ > 0; }

  void demand(TimePoint now);
  void begin(TimePoint now) { begun_ = now; }
  /// `max_age`: what the server says (RFC 9111 section 5.2.2.1); it can only shorten `refresh`,
  /// to kFreshAtLeast.
  /// `chance`: in [0, 1), so that a fleet that started at once does not ask at once.
  void succeed(TimePoint now, std::optional<std::chrono::seconds> max_age, double chance);
  void fail(TimePoint now, double chance);

 private:
  std::chrono::nanoseconds refresh_;
  TimePoint next_;
  std::optional<TimePoint> begun_;
  std::uint32_t failures_ = 0;
};

/// `max-age` of the values of Cache-Control; 0 where it says no-store or no-cache. Nothing: it says
/// neither, or nothing that is a number.
[[nodiscard]] std::optional<std::chrono::seconds> max_age_in(std::string_view cache_control);

}  // namespace epaulet::jwks

#pragma once

#include <chrono>
#include <cstdint>

#include "runtime/clock.h"

namespace epaulet {

/// When to ask the DNS again. Pure: what happened goes in, an interval comes out. Jitter is added
/// by the caller.
class LookSchedule {
 public:
  using Interval = std::chrono::milliseconds;

  /// A look on demand (a DNS query, a request without endpoint) follows the last one after this at
  /// the earliest.
  static constexpr Interval kOnDemand{1000};
  /// Bounds of a record's TTL: 0 must not make a busy loop, a day must not hide a change for a day.
  static constexpr Interval kTtlMin{1000};
  static constexpr Interval kTtlMax{300'000};
  /// A name that never had an endpoint is not worth much traffic: whoever needs it asks, and that
  /// looks at once.
  static constexpr Interval kNeverHad{5000};
  static constexpr Interval kNeverHadMax{30'000};
  /// A backend that lost its endpoints is missed by somebody.
  static constexpr Interval kLost{2000};
  static constexpr Interval kFailedMax{30'000};
  /// So many authoritative "no" in a row empty a backend: one of them may be a restart of whoever
  /// keeps the zone.
  static constexpr unsigned kNegativesToDrop = 2;

  /// The name has addresses.
  [[nodiscard]] Interval after_success(std::chrono::seconds ttl, bool partial);
  /// An authoritative "no". `had`: the backend had endpoints at some time.
  [[nodiscard]] Interval after_negative(bool had);
  /// No usable answer.
  [[nodiscard]] Interval after_failure();

  /// After after_negative(): the endpoints known so far are to be dropped.
  [[nodiscard]] bool negative_is_confirmed() const { return negatives_ >= kNegativesToDrop; }

 private:
  unsigned negatives_ = 0;
  unsigned failures_ = 0;
};

}  // namespace epaulet

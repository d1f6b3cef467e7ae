#include "discovery/look_schedule.h"

#include <algorithm>

namespace epaulet {
namespace {

using Interval = LookSchedule::Interval;

/// `first` doubled `times` times, at most `max`.
Interval doubled(Interval first, unsigned times, Interval max) {
  for (unsigned i = 0; i < times && first < max; ++i) first *= 2;
  return std::min(first, max);
}

}  // namespace

Interval LookSchedule::after_success(std::chrono::seconds ttl, bool partial) {
  negatives_ = 0;
  failures_ = 0;
  // One family failed: its last good addresses are kept, and not for a whole TTL of the other
  // family.
  const Interval wanted = partial ? std::min<Interval>(ttl, kNeverHad) : Interval(ttl);
  return std::clamp(wanted, kTtlMin, kTtlMax);
}

Interval LookSchedule::after_negative(bool had) {
  failures_ = 0;
  const unsigned earlier = negatives_;
  negatives_ = std::min(negatives_ + 1, 1000u);
  if (!had) return doubled(kNeverHad, earlier, kNeverHadMax);
  return negative_is_confirmed() ? kLost : kOnDemand;
}

Interval LookSchedule::after_failure() {
  const unsigned earlier = failures_;
  failures_ = std::min(failures_ + 1, 1000u);
  return doubled(kOnDemand, earlier, kFailedMax);
}

}  // namespace epaulet

#include "resilience/hedge_delay.h"

#include <algorithm>

namespace epaulet::resilience {
namespace {

using std::chrono::nanoseconds;
constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void HedgeDelay::observe(nanoseconds took, TimePoint now) {
  latencies_.add(took);
  const auto samples = samples_.fetch_add(1, kRelaxed) + 1;
  const std::int64_t at = now.time_since_epoch() / nanoseconds(1);
  if (samples < kSamplesMin || at < look_at_.load(kRelaxed)) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  // Another worker may have looked meanwhile.
  if (!lock.owns_lock() || samples_.exchange(0, kRelaxed) < kSamplesMin) return;
  const auto found = quantile_of(latencies_.take(LatencyBuckets::Keep::half), quantile_);
  delay_.store(std::clamp(found, min_, max_).count(), kRelaxed);
  look_at_.store(at + nanoseconds(kLook).count(), kRelaxed);
}

std::optional<nanoseconds> HedgeDelay::delay() const {
  const auto delay = delay_.load(kRelaxed);
  if (delay == 0) return std::nullopt;
  return nanoseconds(delay);
}

}  // namespace epaulet::resilience

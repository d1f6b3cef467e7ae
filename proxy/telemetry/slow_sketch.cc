#include "telemetry/slow_sketch.h"

#include <algorithm>

namespace epaulet::telemetry {
namespace {

/// 1 s * (9/8)^i: 61 of them reach 20 minutes.
constexpr auto kUpperBounds = [] {
  std::array<std::int64_t, 61> bounds{};
  double bound = 1e9;
  for (auto& each : bounds) {
    bound *= 1.125;
    each = static_cast<std::int64_t>(bound);
  }
  return bounds;
}();

}  // namespace

std::size_t SlowSketch::bucket_of(std::chrono::nanoseconds duration) {
  static_assert(kUpperBounds.size() == kBuckets);
  const auto above = std::lower_bound(kUpperBounds.begin(), kUpperBounds.end(), duration.count());
  return std::min(static_cast<std::size_t>(above - kUpperBounds.begin()), kBuckets - 1);
}

bool SlowSketch::observe(std::chrono::nanoseconds duration) {
  if (total_ >= kWindow) halve();
  if (duration <= kFloor) {
    ++fast_;
    ++total_;
    return false;
  }
  const bool slow = duration > threshold();
  ++slow_[bucket_of(duration)];
  ++total_;
  return slow;
}

std::chrono::nanoseconds SlowSketch::threshold() const {
  // At most one in a hundred may lie above the threshold.
  const std::uint32_t below_wanted = total_ - total_ / 100;
  std::uint32_t below = fast_;
  if (total_ == 0 || below >= below_wanted) return kFloor;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    below += slow_[i];
    if (below >= below_wanted) return std::chrono::nanoseconds(kUpperBounds[i]);
  }
  return std::chrono::nanoseconds(kUpperBounds.back());
}

void SlowSketch::halve() {
  fast_ /= 2;
  total_ = fast_;
  for (auto& count : slow_) {
    count = static_cast<std::uint16_t>(count / 2);
    total_ += count;
  }
}

}  // namespace epaulet::telemetry

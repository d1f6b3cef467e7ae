#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "telemetry/cell.h"

namespace epaulet::telemetry {

/// How long something took, in fixed buckets. One thread observes, any thread reads; a reader may
/// see a bucket before the sum that goes with it.
class DurationHistogram {
 public:
  /// Upper bounds in seconds, inclusive; one bucket more is above all of them.
  static constexpr std::array<double, 15> kBounds{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

  void observe(std::chrono::nanoseconds duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    buckets_[bucket].add();
    sum_seconds_.add(seconds);
  }

  static constexpr std::size_t kBuckets = kBounds.size() + 1;
  /// Not cumulative.
  [[nodiscard]] std::uint64_t in_bucket(std::size_t bucket) const {
    return buckets_[bucket].value();
  }
  [[nodiscard]] double sum_seconds() const { return sum_seconds_.value(); }

 private:
  std::array<Cell, kBuckets> buckets_;
  SumCell sum_seconds_;
};

}  // namespace epaulet::telemetry

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace epaulet::telemetry {

/// Whether an exchange was slow for its route: above the route's p99, and above one second.
///
/// Faster ones need no resolution, so they are one count; the rest is counted in buckets that grow
/// by an eighth, up to 20 minutes. Counts are halved when kWindow have come, so that the p99
/// follows the route. Nothing is computed for fast exchanges; a slow one costs a walk over the
/// buckets.
class SlowSketch {
 public:
  static constexpr std::chrono::nanoseconds kFloor = std::chrono::seconds(1);
  static constexpr std::uint32_t kWindow = 8192;

  /// Counts it; true if it was slow compared with those before it.
  [[nodiscard]] bool observe(std::chrono::nanoseconds duration);
  /// The upper end of the bucket that holds the 99th percentile, at least kFloor.
  [[nodiscard]] std::chrono::nanoseconds threshold() const;

 private:
  static constexpr std::size_t kBuckets = 61;

  [[nodiscard]] static std::size_t bucket_of(std::chrono::nanoseconds duration);
  void halve();

  std::uint32_t fast_ = 0;
  std::uint32_t total_ = 0;
  std::array<std::uint16_t, kBuckets> slow_{};
};

}  // namespace epaulet::telemetry

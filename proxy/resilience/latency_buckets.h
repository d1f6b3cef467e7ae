#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace epaulet::resilience {

/// Latencies of all workers, counted in buckets: eight an octave from a microsecond on, so that a
/// quantile is known to a tenth, and better in between. A kilobyte; relaxed atomics.
class LatencyBuckets {
 public:
  static constexpr std::size_t kPerOctave = 8;
  static constexpr std::size_t kBuckets = 32 * kPerOctave;
  using Counts = std::array<std::uint32_t, kBuckets>;

  void add(std::chrono::nanoseconds latency) {
    buckets_[index_of(latency)].fetch_add(1, std::memory_order_relaxed);
  }
  /// What was counted; then it begins anew, with none or half of it. One thread at a time.
  enum class Keep : std::uint8_t { none, half };
  [[nodiscard]] Counts take(Keep keep);

 private:
  [[nodiscard]] static std::size_t index_of(std::chrono::nanoseconds latency);

  std::array<std::atomic<std::uint32_t>, kBuckets> buckets_{};
};

/// What such a share (0 to 1) of them did not exceed; zero if there are none.
[[nodiscard]] std::chrono::nanoseconds quantile_of(const LatencyBuckets::Counts& counts,
                                                   double share);

}  // namespace epaulet::resilience

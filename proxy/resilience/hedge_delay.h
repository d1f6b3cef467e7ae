#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "config/settings.h"
#include "resilience/latency_buckets.h"
#include "runtime/clock.h"

namespace epaulet::resilience {

/// When a second attempt of a route's request begins: once the first has taken longer than most of
/// the route's answers did ("The Tail at Scale", Dean and Barroso, 2013).
///
/// The quantile is of the latest answers, halved with each look at them (once a second), and known
/// from kSamplesMin on: before, nothing is hedged. One for all workers, outside snapshots.
class HedgeDelay {
 public:
  static constexpr std::uint32_t kSamplesMin = 50;
  static constexpr std::chrono::seconds kLook{1};

  explicit HedgeDelay(const HedgeSettings& settings)
      : quantile_(settings.quantile), min_(settings.min), max_(settings.max) {}

  /// The first attempt was answered after so long, or had not been when the second was.
  void observe(std::chrono::nanoseconds took, TimePoint now);
  /// Nothing: too few answers are known.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> delay() const;

 private:
  const double quantile_;
  const std::chrono::nanoseconds min_;
  const std::chrono::nanoseconds max_;
  LatencyBuckets latencies_;
  std::atomic<std::uint32_t> samples_{0};  ///< Since the last look.
  std::atomic<std::int64_t> look_at_{0};   ///< Nanoseconds.
  std::atomic<std::int64_t> delay_{0};     ///< Nanoseconds; 0: not known.
  std::mutex mutex_;                       ///< Of who looks.
};

}  // namespace epaulet::resilience

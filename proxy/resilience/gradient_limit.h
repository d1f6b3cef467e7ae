#pragma once

#include <chrono>
#include <cstdint>

#include "runtime/clock.h"

namespace epaulet::resilience {

/// How much a server is asked at once, found from how fast it answers. Time and latencies in, a
/// limit out.
///
/// The gradient method of Netflix's concurrency-limits (Gradient2Limit) and of Envoy's adaptive
/// concurrency filter (gradient controller), which both follow TCP Vegas: latency at rest divided
/// by latency now says how much of the load only waits. After each window
///   limit = limit x min(1, rest x (1 + tolerance) / median) + sqrt(limit),
/// smoothed by half, at most halved, where sqrt(limit) is the queue that it may have, so that more
/// is tried as long as nothing slows down. What is not used does not grow, but for a first supply
/// (kUnusedMax) that a burst may take.
///
/// Latency at rest is what the first windows show; faster ones lower it at once. It goes up only by
/// a look with the limit at `min`: when windows have been slower than tolerated for `remeasure`
/// (a fifth more or less, so that instances do not look together), or when the limit is there
/// anyway. A server within the tolerance is never held back for the sake of a measurement. A first
/// value that was taken under load is checked after kCheckFirstAfter.
///
/// State: a few numbers. Not for several threads at once.
class GradientLimit {
 public:
  struct Rules {
    std::uint32_t min = 8;
    std::uint32_t max = 1000;
    double tolerance = 0.5;
    std::chrono::nanoseconds remeasure = std::chrono::seconds(60);
  };
  /// What was seen since the last one.
  struct Window {
    std::chrono::nanoseconds median{0};
    std::uint32_t peak = 0;  ///< Requests that were under way at once.
  };
  static constexpr std::uint32_t kUnusedMax = 32;
  static constexpr std::chrono::seconds kCheckFirstAfter{5};

  explicit GradientLimit(const Rules& rules);

  /// At the end of a window, which had some samples. `now`: not decreasing.
  void update(const Window& window, TimePoint now);

  /// Other rules from now on. What was learnt stays, and so does the limit where they allow it.
  void change(const Rules& rules);

  [[nodiscard]] std::uint32_t limit() const;
  /// Latency at rest; zero: not known yet.
  [[nodiscard]] std::chrono::nanoseconds at_rest() const {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(rest_));
  }
  /// Held at `min` to see how fast the server is at rest.
  [[nodiscard]] bool measuring() const { return measuring_; }
  /// How long the next window should be: what has just begun is not judged by what came before.
  [[nodiscard]] std::chrono::nanoseconds window() const;

 private:
  void begin_measuring();
  void measure(const Window& window, TimePoint now);
  void adapt(const Window& window, double median);
  [[nodiscard]] std::chrono::nanoseconds jittered(TimePoint now) const;

  Rules rules_;
  double limit_;
  double rest_ = 0;    ///< Nanoseconds.
  double median_ = 0;  ///< Of the last window.
  bool measuring_ = false;
  unsigned looks_ = 0;  ///< Windows since the look began.
  TimePoint look_at_{};
};

}  // namespace epaulet::resilience

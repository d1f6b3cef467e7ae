#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/clock.h"

namespace epaulet::otlp {

/// Why spans reached no collector.
enum class Drop : std::uint8_t {
  queue_full,
  refused,      ///< The collector does not want them.
  unreachable,  ///< It could not take them for too long.
  shutdown,     ///< The process ended, or `otlp` was removed.
  count_,
};
[[nodiscard]] std::string_view name_of(Drop why);

/// Spans that wait for the collector, and when they go. A batch goes when it is full, or when
/// `interval` has passed since its first span came; it is kept until it is taken, refused or has
/// failed for limits::kSpanGiveUpAfter. Time in, values out; one thread.
class SpanQueue {
 public:
  /// What is beyond `most` now is dropped.
  void configure(std::size_t most, std::chrono::nanoseconds interval);

  void push(std::string_view packed, TimePoint now);
  /// When there is something to send; nothing: nothing waits.
  [[nodiscard]] std::optional<TimePoint> next() const;

  /// The batch to send: the one that failed, or the oldest spans. Empty: nothing waits.
  [[nodiscard]] std::span<const std::string> batch(TimePoint now);
  /// What became of the batch.
  void taken(std::uint64_t rejected, TimePoint now);
  void refused(TimePoint now);
  /// It is to be sent again. `asked`: Retry-After. `chance`: in [0, 1).
  void failed(TimePoint now, std::chrono::nanoseconds asked, double chance);

  void drop_all(Drop why);

  [[nodiscard]] std::size_t waiting() const { return queue_.size() + batch_.size(); }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t dropped(Drop why) const {
    return dropped_[static_cast<std::size_t>(why)];
  }

 private:
  void end_batch(TimePoint now);
  void drop(Drop why, std::uint64_t spans) { dropped_[static_cast<std::size_t>(why)] += spans; }

  std::size_t most_ = 0;
  std::chrono::nanoseconds interval_{};
  std::deque<std::string> queue_;
  std::vector<std::string> batch_;
  TimePoint oldest_{};  ///< When the first one of `queue_` came, or the last batch went.
  TimePoint first_sent_{};
  TimePoint retry_at_{};
  std::uint32_t failures_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t dropped_[static_cast<std::size_t>(Drop::count_)] = {};
};

}  // namespace epaulet::otlp

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "runtime/clock.h"

namespace epaulet::resilience {

/// Bounds the mesh's own retries of one service over all workers: in any 10 s before a retry there
/// are never more than max(ratio x first attempts, floor). Counted in half-second slots; the oldest
/// slot counts for retries and not for first attempts, so rounding only ever refuses.
/// first_attempt() is one relaxed increment; try_spend() takes a lock and is called for failures
/// only.
class RetryBudget {
 public:
  RetryBudget(double ratio, std::uint32_t floor) : ratio_(ratio), floor_(floor) {}

  void first_attempt(TimePoint now);
  /// False when spent: the caller then reports the first error.
  [[nodiscard]] bool try_spend(TimePoint now);

  [[nodiscard]] double ratio() const { return ratio_; }
  [[nodiscard]] std::uint32_t floor() const { return floor_; }

 private:
  static constexpr std::chrono::milliseconds kSlot{500};
  static constexpr std::int64_t kWindowSlots = 20;
  static constexpr std::size_t kSlots = 32;

  struct Slot {
    std::atomic<std::int64_t> number{-1};
    std::atomic<std::uint32_t> firsts{0};
    std::uint32_t retries = 0;  // Under mutex_.
    std::int64_t retries_number = -1;
  };
  [[nodiscard]] static std::int64_t slot_number(TimePoint now) {
    return now.time_since_epoch() / kSlot;
  }

  const double ratio_;
  const std::uint32_t floor_;
  std::array<Slot, kSlots> slots_;
  std::mutex mutex_;
};

/// What may be sent again where no route's budget pays for it, since a connection that was kept has
/// ended under it: enough for the races of keep-alive, and no help to an app that breaks
/// connections.
class ResendAllowance final : public RetryBudget {
 public:
  ResendAllowance() : RetryBudget(0.003, 3) {}
};

}  // namespace epaulet::resilience

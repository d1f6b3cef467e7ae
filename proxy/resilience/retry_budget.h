#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "runtime/clock.h"

namespace epaulet::resilience {

/// Bounds the mesh's own retries of one service over all workers: in any 10 s before a retry there
/// are never more than max(ratio x first attempts, floor). Counted in half-second slots; the oldest
/// slot counts for retries and not for first attempts, so rounding only ever refuses. A retry
/// counts from when it is sent. One that waits for its time is planned meanwhile (PlannedRetry):
/// there is no room for more of them than could all be sent now, beside what was. first_attempt()
/// is one relaxed increment; all else takes a lock and is called for failures only.
class RetryBudget {
 public:
  RetryBudget(double ratio, std::uint32_t floor) : ratio_(ratio), floor_(floor) {}

  void first_attempt(TimePoint now);
  /// Of one that is sent at once. False when spent: the caller then reports the first error.
  [[nodiscard]] bool try_spend(TimePoint now);

  [[nodiscard]] double ratio() const { return ratio_; }
  [[nodiscard]] std::uint32_t floor() const { return floor_; }

 private:
  friend class PlannedRetry;
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
  [[nodiscard]] bool try_plan(TimePoint now);
  /// The bound is looked at again: what was begun may be long ago by now.
  [[nodiscard]] bool spend_planned(TimePoint now);
  void forget_planned();
  /// Whether so many more may be sent. Under mutex_.
  [[nodiscard]] bool has_room_for(std::uint64_t more, std::int64_t number) const;
  void count_sent(std::int64_t number);

  const double ratio_;
  const std::uint32_t floor_;
  std::array<Slot, kSlots> slots_;
  std::mutex mutex_;
  std::uint64_t planned_ = 0;  // Under mutex_.
};

/// A retry that is decided and not sent yet. One that is never sent costs nothing: its caller left,
/// say, while it waited.
class PlannedRetry final {
 public:
  PlannedRetry() = default;
  PlannedRetry(const PlannedRetry&) = delete;
  PlannedRetry& operator=(const PlannedRetry&) = delete;
  ~PlannedRetry() { give_up(); }

  /// Once at most. False: the budget has no room for it. `budget`: outlives this; none is no bound.
  [[nodiscard]] bool plan(RetryBudget* budget, TimePoint now);
  /// Right before it is sent. False: it may not be, since there is less traffic than when it was
  /// planned. True where nothing was planned: what costs nothing.
  [[nodiscard]] bool spend(TimePoint now);
  void give_up() {
    if (auto* const budget = std::exchange(budget_, nullptr)) budget->forget_planned();
  }

 private:
  RetryBudget* budget_ = nullptr;
};

/// What may be sent again where no route's budget pays for it, since a connection that was kept has
/// ended under it: enough for the races of keep-alive, and no help to an app that breaks
/// connections.
class ResendAllowance final : public RetryBudget {
 public:
  ResendAllowance() : RetryBudget(0.003, 3) {}
};

}  // namespace epaulet::resilience

#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/clock.h"

namespace epaulet::resilience {

/// How many calls there were in the last `window`, over all workers, and how many of them failed or
/// were slow. Counted in ten slots, so that between nine and ten tenths of the window are looked
/// at. add() is one to three relaxed increments; workers whose clocks differ by less than half a
/// window do not disturb each other. Any thread.
class CallWindow {
 public:
  explicit CallWindow(std::chrono::nanoseconds window) : slot_time_(window / kWindowSlots) {}

  struct Sums {
    std::uint64_t calls = 0;
    std::uint64_t failures = 0;
    std::uint64_t slow = 0;
    std::uint64_t unjudged = 0;  ///< Of the calls, those that were slow, and nothing else is known.
    friend bool operator==(const Sums&, const Sums&) = default;
  };
  void add(TimePoint now, bool failed, bool slow);
  /// A call that was slow, and was neither a failure nor a success.
  void add_unjudged(TimePoint now);
  [[nodiscard]] Sums sums(TimePoint now) const;
  /// What others add at this instant may be lost.
  void clear();

  static constexpr std::int64_t kWindowSlots = 10;

 private:
  static constexpr std::int64_t kSlots = 16;
  static constexpr std::int64_t kNone = INT64_MIN;

  struct Slot {
    std::atomic<std::int64_t> number{kNone};
    std::atomic<std::uint32_t> calls{0};
    std::atomic<std::uint32_t> failures{0};
    std::atomic<std::uint32_t> slow{0};
    std::atomic<std::uint32_t> unjudged{0};
  };
  Slot& slot_at(TimePoint now);
  [[nodiscard]] std::int64_t number_of(TimePoint now) const {
    return now.time_since_epoch() / slot_time_;
  }

  const std::chrono::nanoseconds slot_time_;
  std::array<Slot, kSlots> slots_;
};

}  // namespace epaulet::resilience

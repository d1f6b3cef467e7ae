#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/clock.h"

namespace epaulet {

class TimerQueue;

/// One entry of a timer queue. Owned by whoever waits; disarmed when destroyed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  [[nodiscard]] bool armed() const { return queue_ != nullptr; }
  /// When it will fire; meaningful while armed.
  [[nodiscard]] TimePoint due() const { return due_; }
  void disarm();

 protected:
  ~Timer() { disarm(); }
  /// Called by the loop, already disarmed. May arm again, may destroy the timer.
  virtual void on_timer() = 0;

 private:
  friend class TimerQueue;
  TimerQueue* queue_ = nullptr;
  std::size_t position_ = 0;
  TimePoint due_{};
};

/// An indexed 4-ary heap. Arming allocates only while the heap grows; ties fire in the order of
/// arming, so that a simulation is repeatable. Cost: O(log n). The times stand in the heap itself:
/// what is compared is not looked for all over the memory.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue();

  /// Arms or moves.
  void arm(Timer& timer, TimePoint due);
  void disarm(Timer& timer);
  [[nodiscard]] std::optional<TimePoint> next() const;
  /// Fires all that are due at `now`; those armed meanwhile wait for the next call. Returns how
  /// many.
  std::size_t fire_due(TimePoint now);
  [[nodiscard]] std::size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    TimePoint due;
    std::uint64_t sequence;
    Timer* timer;
  };
  [[nodiscard]] static bool before(const Entry& a, const Entry& b);
  void sift_up(std::size_t position, const Entry& moving);
  void sift_down(std::size_t position, const Entry& moving);
  void settle(std::size_t position, const Entry& moving);
  void place(std::size_t position, const Entry& entry);

  std::vector<Entry> heap_;
  std::uint64_t sequence_ = 0;
  TimePoint firing_ = TimePoint::min();  ///< While fire_due() runs: its time.
};

}  // namespace epaulet

#pragma once

#include <coroutine>
#include <cstddef>
#include <functional>

#include "base/intrusive_list.h"
#include "runtime/clock.h"
#include "runtime/random.h"
#include "runtime/ready.h"
#include "runtime/task.h"
#include "runtime/timers.h"

namespace epaulet {

/// What a worker runs on: a queue of ready items, timers, one time per turn, randomness.
/// Knows no sockets: an IoLoop drives it from a reactor, the simulator from a seed.
/// Everything but post() belongs to the loop's own thread.
class Loop {
 public:
  explicit Loop(Random random) : random_(random) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop();

  /// The time of this turn: does not move while code runs.
  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] WallTime wall_now() const { return wall_now_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] TimerQueue& timers() { return timers_; }

  /// Runs the item later in this turn, in order.
  void ready(ReadyItem& item) { ready_.push_back(item); }
  /// Runs the item in the next turn, after the reactor was asked for news: for loops that could
  /// starve others.
  void ready_next_turn(ReadyItem& item) { next_turn_.push_back(item); }

  /// Runs the job on the loop's thread. From any thread.
  virtual void post(std::function<void()> job) = 0;

  /// Starts a task that nobody joins. The loop owns its frame and counts it.
  void spawn(Task<void> task);
  [[nodiscard]] std::size_t spawned_tasks() const { return spawned_count_; }

  // For the driver.

  void set_time(TimePoint now, WallTime wall_now) {
    now_ = now;
    wall_now_ = wall_now;
  }
  /// Runs ready items until none is left. Returns how many ran.
  std::size_t run_ready();
  /// Makes the items of the next turn ready.
  void begin_turn();
  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }
  [[nodiscard]] bool has_next_turn() const { return !next_turn_.empty(); }

 protected:
  /// Destroys the tasks that are still suspended. A derived loop calls it first in its destructor,
  /// while what the tasks wait on is still there.
  void destroy_spawned();

 private:
  class Spawned;

  TimePoint now_{};
  WallTime wall_now_{};
  Random random_;
  TimerQueue timers_;
  IntrusiveList<ReadyItem> ready_;
  IntrusiveList<ReadyItem> next_turn_;
  IntrusiveList<Spawned> spawned_;
  std::size_t spawned_count_ = 0;
};

/// `co_await next_turn(loop)`: lets everybody else run first.
class NextTurn final : public ReadyItem {
 public:
  explicit NextTurn(Loop& loop) : loop_(loop) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    loop_.ready_next_turn(*this);
  }
  void await_resume() const noexcept {}
  void run() override { waiter_.resume(); }

 private:
  Loop& loop_;
  std::coroutine_handle<> waiter_;
};
[[nodiscard]] inline NextTurn next_turn(Loop& loop) {
  return NextTurn(loop);
}

}  // namespace epaulet

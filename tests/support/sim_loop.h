#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/loop.h"

namespace epaulet::test {

/// A loop whose time only tests and the simulator move.
class SimLoop final : public Loop {
 public:
  explicit SimLoop(std::uint64_t seed = 1) : Loop(Random(seed)) { set_time(kStart, kWallStart); }
  ~SimLoop() override { destroy_spawned(); }

  void post(std::function<void()> job) override { jobs_.push_back(std::move(job)); }

  /// Everything that is ready now, and what becomes ready by it, without time moving. Returns
  /// whether anything ran.
  bool run_until_quiet() {
    bool ran = false;
    while (turn()) ran = true;
    return ran;
  }
  /// One step of each kind. Returns whether anything ran.
  bool turn();
  /// Moves the time, firing what falls due on the way, each at its own time.
  void advance(std::chrono::nanoseconds by);
  /// Runs until nothing is ready and no timer is armed, moving time; at most `limit` of simulated
  /// time.
  void run_to_end(std::chrono::nanoseconds limit = std::chrono::hours(1));
  /// Destroys the tasks that still wait, as the end of a worker's thread does.
  void end_tasks() { destroy_spawned(); }
  /// Moves the clock without running anything.
  void move_clock(TimePoint to) { set_time(to, kWallStart + (to - kStart)); }

  [[nodiscard]] bool runnable() const { return has_ready() || has_next_turn() || !jobs_.empty(); }

  static constexpr TimePoint kStart{std::chrono::hours(1000)};
  static constexpr WallTime kWallStart{std::chrono::seconds(1'760'000'000)};

 private:
  std::deque<std::function<void()>> jobs_;
};

/// Several loops under one clock and one seed: which one runs next is drawn, time advances when
/// none is runnable.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seed) {}

  SimLoop& add_loop();
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] TimePoint now() const { return now_; }
  /// Destroys all waiting tasks of all loops: before what they refer to goes.
  void end_tasks() {
    for (auto& loop : loops_) loop->end_tasks();
  }
  /// Timers armed on all loops.
  [[nodiscard]] std::size_t timers() const {
    std::size_t sum = 0;
    for (const auto& loop : loops_) sum += loop->timers().size();
    return sum;
  }
  /// Until nothing is left to do or `limit` of simulated time has passed. False: the limit was
  /// reached.
  bool run(std::chrono::nanoseconds limit);
  /// Until `done` or the limit. False: the limit was reached or nothing was left to do.
  bool run_until(const std::function<bool()>& done, std::chrono::nanoseconds limit);

 private:
  bool step(TimePoint end);
  Random random_;
  TimePoint now_ = SimLoop::kStart;
  std::vector<std::unique_ptr<SimLoop>> loops_;
};

}  // namespace epaulet::test

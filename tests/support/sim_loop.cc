#include "support/sim_loop.h"

#include <algorithm>

namespace epaulet::test {

bool SimLoop::turn() {
  bool ran = run_ready() > 0;
  std::deque<std::function<void()>> jobs;
  jobs.swap(jobs_);
  for (auto& job : jobs) {
    job();
    ran = true;
  }
  ran |= has_next_turn();
  ran |= timers().fire_due(now()) > 0;
  begin_turn();
  return ran;
}

void SimLoop::advance(std::chrono::nanoseconds by) {
  const TimePoint end = now() + by;
  run_until_quiet();
  while (timers().next() && *timers().next() <= end) {
    move_clock(std::max(now(), *timers().next()));
    run_until_quiet();
  }
  move_clock(end);
  run_until_quiet();
}

void SimLoop::run_to_end(std::chrono::nanoseconds limit) {
  const TimePoint end = now() + limit;
  run_until_quiet();
  while (timers().next() && *timers().next() <= end) {
    move_clock(std::max(now(), *timers().next()));
    run_until_quiet();
  }
}

SimLoop& Simulation::add_loop() {
  loops_.push_back(std::make_unique<SimLoop>(random_.next()));
  return *loops_.back();
}

bool Simulation::step(TimePoint end) {
  std::vector<SimLoop*> runnable;
  for (auto& loop : loops_) {
    loop->move_clock(now_);
    if (loop->runnable() || (loop->timers().next() && *loop->timers().next() <= now_)) {
      runnable.push_back(loop.get());
    }
  }
  if (!runnable.empty()) {
    runnable[random_.below(runnable.size())]->turn();
    return true;
  }
  std::optional<TimePoint> next;
  for (auto& loop : loops_) {
    const auto due = loop->timers().next();
    if (due && (!next || *due < *next)) next = due;
  }
  if (!next || *next > end) return false;
  now_ = std::max(now_, *next);
  return true;
}

bool Simulation::run(std::chrono::nanoseconds limit) {
  const TimePoint end = now_ + limit;
  while (step(end)) {
  }
  return std::none_of(loops_.begin(), loops_.end(),
                      [](const auto& loop) { return loop->timers().next().has_value(); });
}

bool Simulation::run_until(const std::function<bool()>& done, std::chrono::nanoseconds limit) {
  const TimePoint end = now_ + limit;
  while (!done()) {
    if (!step(end)) return false;
  }
  return true;
}

}  // namespace epaulet::test

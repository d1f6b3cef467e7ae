#include "runtime/asio_loop.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/event.h"
#include "runtime/scope.h"
#include "runtime/task.h"
#include "tests/unit/runtime/counted.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;
using test::Counted;

/// The one test of this folder that meets the real clock: it asserts that nothing comes early and
/// that everything comes.
class AsioLoopTest : public testing::Test {
 protected:
  /// Runs until stop(). What never comes is a failure, not a hang.
  void run() {
    std::mutex mutex;
    std::condition_variable changed;
    bool ended = false;
    std::thread watchdog([&] {
      std::unique_lock lock(mutex);
      if (changed.wait_for(lock, 20s, [&ended] { return ended; })) return;
      ADD_FAILURE() << "what the loop waits for does not come";
      loop_.stop();
    });
    loop_.run();
    {
      const std::lock_guard lock(mutex);
      ended = true;
    }
    changed.notify_one();
    watchdog.join();
  }

  AsioLoop loop_;
};

TEST_F(AsioLoopTest, runs_what_other_threads_post_on_its_own_and_in_their_order) {
  constexpr int kThreads = 4;
  constexpr int kJobs = 200;
  const auto here = std::this_thread::get_id();
  std::vector<int> next(kThreads);
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kJobs; ++i) {
        loop_.post([&, t, i] {
          EXPECT_EQ(std::this_thread::get_id(), here);
          EXPECT_EQ(next[static_cast<std::size_t>(t)]++, i);
          if (++ran == kThreads * kJobs) loop_.stop();
        });
      }
    });
  }
  run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ran, kThreads * kJobs);
}

Task<void> sleep_then_stop(AsioLoop& loop, std::chrono::nanoseconds time, TimePoint& woken) {
  Scope scope(loop);
  auto until = AsioLoop::read_clock() + time;
  (void)co_await sleep_until(scope, until);
  woken = loop.now();
  loop.stop();
}
TEST_F(AsioLoopTest, timers_fire_after_their_time) {
  const auto begin = AsioLoop::read_clock();
  TimePoint woken{};
  loop_.spawn(sleep_then_stop(loop_, 5ms, woken));
  run();
  EXPECT_GE(woken - begin, 5ms);
}

TEST_F(AsioLoopTest, a_timer_before_the_one_that_is_waited_for_is_in_time) {
  Scope later(loop_);
  later.set_deadline(loop_.now() + 1h, {ErrorCode::idle_timeout, Side::self, Stage::none});
  TimePoint woken{};
  // Run by the reactor, which was told of the later one before.
  loop_.post([&] { loop_.spawn(sleep_then_stop(loop_, 1ms, woken)); });
  run();
  EXPECT_NE(woken, TimePoint{});
}

Task<void> sleep_three_times(AsioLoop& loop, int& slept) {
  Scope scope(loop);
  for (; slept < 3; ++slept) {
    auto until = loop.now() + 1ms;
    (void)co_await sleep_until(scope, until);
  }
  loop.stop();
}
TEST_F(AsioLoopTest, a_timer_after_one_that_has_fired_is_waited_for) {
  int slept = 0;
  loop_.spawn(sleep_three_times(loop_, slept));
  run();
  EXPECT_EQ(slept, 3);
}

Task<void> spin(AsioLoop& loop, const bool& posted, const TimePoint& woken, std::size_t& turns) {
  const auto begin = AsioLoop::read_clock();
  while (!posted || woken == TimePoint{}) {
    if (AsioLoop::read_clock() - begin > 20s) break;  // Starved.
    ++turns;
    co_await next_turn(loop);
  }
}
TEST_F(AsioLoopTest, one_who_takes_every_turn_starves_neither_posts_nor_timers) {
  bool posted = false;
  std::size_t turns = 0;
  TimePoint woken{};
  loop_.spawn(spin(loop_, posted, woken, turns));
  loop_.spawn(sleep_then_stop(loop_, 2ms, woken));
  loop_.post([&posted, &loop = loop_] { loop.post([&posted] { posted = true; }); });
  run();
  EXPECT_NE(woken, TimePoint{});
  EXPECT_TRUE(posted);
  EXPECT_GE(turns, 2U);
}

Task<void> hold(Event& event, Scope& scope) {
  const Counted local;
  (void)co_await event.wait(scope);
}
TEST_F(AsioLoopTest, takes_its_waiting_tasks_with_it) {
  Counted::restart();
  {
    AsioLoop loop;
    Scope scope(loop);
    Event event(loop);
    loop.spawn(hold(event, scope));
    EXPECT_EQ(Counted::alive(), 1);
    event.set();
  }
  EXPECT_EQ(Counted::alive(), 0);
}

TEST_F(AsioLoopTest, reads_the_clock_once_a_turn) {
  TimePoint first{};
  TimePoint second{};
  loop_.post([&] {
    first = loop_.now();
    const auto begin = AsioLoop::read_clock();
    while (AsioLoop::read_clock() - begin < 1ms) {
    }
    EXPECT_EQ(loop_.now(), first);
    loop_.post([&] {
      second = loop_.now();
      loop_.stop();
    });
  });
  run();
  EXPECT_GT(second, first);
}

}  // namespace
}  // namespace epaulet

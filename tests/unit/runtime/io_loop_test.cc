#include "runtime/io_loop.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/asio_loop.h"
#include "runtime/epoll_loop.h"
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
template <class RealLoop>
class IoLoopTest : public testing::Test {
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

  RealLoop loop_;
};

/// On a kernel that waits in milliseconds.
class CoarseLoop final : public EpollLoop {
 public:
  CoarseLoop() : EpollLoop(false) {}
};
using Loops = testing::Types<AsioLoop, EpollLoop, CoarseLoop>;
TYPED_TEST_SUITE(IoLoopTest, Loops);

TYPED_TEST(IoLoopTest, runs_what_other_threads_post_on_its_own_and_in_their_order) {
  constexpr int kThreads = 4;
  constexpr int kJobs = 200;
  const auto here = std::this_thread::get_id();
  std::vector<int> next(kThreads);
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kJobs; ++i) {
        this->loop_.post([&, t, i] {
          EXPECT_EQ(std::this_thread::get_id(), here);
          EXPECT_EQ(next[static_cast<std::size_t>(t)]++, i);
          if (++ran == kThreads * kJobs) this->loop_.stop();
        });
      }
    });
  }
  this->run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ran, kThreads * kJobs);
}

Task<void> sleep_then_stop(IoLoop& loop, std::chrono::nanoseconds time, TimePoint& woken) {
  Scope scope(loop);
  auto until = IoLoop::read_clock() + time;
  (void)co_await sleep_until(scope, until);
  woken = loop.now();
  loop.stop();
}
TYPED_TEST(IoLoopTest, timers_fire_after_their_time) {
  const auto begin = IoLoop::read_clock();
  TimePoint woken{};
  this->loop_.spawn(sleep_then_stop(this->loop_, 5ms, woken));
  this->run();
  EXPECT_GE(woken - begin, 5ms);
}

TYPED_TEST(IoLoopTest, a_timer_before_the_one_that_is_waited_for_is_in_time) {
  Scope later(this->loop_);
  later.set_deadline(this->loop_.now() + 1h, {ErrorCode::idle_timeout, Side::self, Stage::none});
  TimePoint woken{};
  // Run by the reactor, which was told of the later one before.
  this->loop_.post([&] { this->loop_.spawn(sleep_then_stop(this->loop_, 1ms, woken)); });
  this->run();
  EXPECT_NE(woken, TimePoint{});
}

Task<void> sleep_three_times(IoLoop& loop, int& slept) {
  Scope scope(loop);
  for (; slept < 3; ++slept) {
    auto until = loop.now() + 1ms;
    (void)co_await sleep_until(scope, until);
  }
  loop.stop();
}
TYPED_TEST(IoLoopTest, a_timer_after_one_that_has_fired_is_waited_for) {
  int slept = 0;
  this->loop_.spawn(sleep_three_times(this->loop_, slept));
  this->run();
  EXPECT_EQ(slept, 3);
}

Task<void> spin(IoLoop& loop, bool& posted, TimePoint& woken, std::size_t& turns) {
  const auto begin = IoLoop::read_clock();
  while (!posted || woken == TimePoint{}) {
    if (IoLoop::read_clock() - begin > 20s) break;  // Starved.
    // They begin while turns are being taken: a slow first turn proves nothing.
    if (++turns == 2) {
      loop.spawn(sleep_then_stop(loop, 2ms, woken));
      loop.post([&posted] { posted = true; });
    }
    co_await next_turn(loop);
  }
}
TYPED_TEST(IoLoopTest, one_who_takes_every_turn_starves_neither_posts_nor_timers) {
  bool posted = false;
  std::size_t turns = 0;
  TimePoint woken{};
  this->loop_.spawn(spin(this->loop_, posted, woken, turns));
  this->run();
  EXPECT_NE(woken, TimePoint{});
  EXPECT_TRUE(posted);
  EXPECT_GE(turns, 2U);
}

Task<void> hold(Event& event, Scope& scope) {
  const Counted local;
  (void)co_await event.wait(scope);
}
TYPED_TEST(IoLoopTest, takes_its_waiting_tasks_with_it) {
  Counted::restart();
  {
    TypeParam loop;
    Scope scope(loop);
    Event event(loop);
    loop.spawn(hold(event, scope));
    EXPECT_EQ(Counted::alive(), 1);
    event.set();
  }
  EXPECT_EQ(Counted::alive(), 0);
}

TYPED_TEST(IoLoopTest, reads_the_clock_once_a_turn) {
  TimePoint first{};
  TimePoint second{};
  this->loop_.post([&] {
    first = this->loop_.now();
    const auto begin = IoLoop::read_clock();
    while (IoLoop::read_clock() - begin < 1ms) {
    }
    EXPECT_EQ(this->loop_.now(), first);
    this->loop_.post([&] {
      second = this->loop_.now();
      this->loop_.stop();
    });
  });
  this->run();
  EXPECT_GT(second, first);
}

}  // namespace
}  // namespace epaulet

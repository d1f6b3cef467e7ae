#include "runtime/timers.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/random.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000h};

/// Writes its name down when it fires, then does what the test wants.
class NamedTimer final : public Timer {
 public:
  NamedTimer(std::string name, std::string& fired) : name_(std::move(name)), fired_(fired) {}
  std::function<void()> then;

 private:
  void on_timer() override {
    EXPECT_FALSE(armed());
    fired_ += name_;
    if (then) {
      const auto job = then;  // The timer may be gone before it returns.
      job();
    }
  }
  std::string name_;
  std::string& fired_;
};

class TimerQueueTest : public testing::Test {
 protected:
  std::string fired_;
  TimerQueue queue_;
  NamedTimer a_{"a", fired_};
  NamedTimer b_{"b", fired_};
  NamedTimer c_{"c", fired_};
};

TEST_F(TimerQueueTest, an_empty_one_has_nothing_to_fire) {
  EXPECT_FALSE(queue_.next());
  EXPECT_EQ(queue_.fire_due(TimePoint::max()), 0U);
  EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(TimerQueueTest, fires_at_the_time_and_not_a_nanosecond_before) {
  queue_.arm(a_, kStart + 1s);
  EXPECT_TRUE(a_.armed());
  EXPECT_EQ(a_.due(), kStart + 1s);
  EXPECT_EQ(queue_.next(), kStart + 1s);
  EXPECT_EQ(queue_.fire_due(kStart + 1s - 1ns), 0U);
  EXPECT_EQ(fired_, "");
  EXPECT_EQ(queue_.fire_due(kStart + 1s), 1U);
  EXPECT_EQ(fired_, "a");
  EXPECT_FALSE(a_.armed());
  EXPECT_EQ(queue_.fire_due(kStart + 2s), 0U);
}

TEST_F(TimerQueueTest, fires_in_the_order_of_time_and_ties_in_the_order_of_arming) {
  queue_.arm(c_, kStart + 2s);
  queue_.arm(b_, kStart + 1s);
  queue_.arm(a_, kStart + 1s);
  EXPECT_EQ(queue_.fire_due(kStart + 10s), 3U);
  EXPECT_EQ(fired_, "bac");
}

TEST_F(TimerQueueTest, arming_an_armed_one_moves_it) {
  queue_.arm(a_, kStart + 3s);
  queue_.arm(b_, kStart + 2s);
  queue_.arm(a_, kStart + 1s);
  EXPECT_EQ(queue_.size(), 2U);
  EXPECT_EQ(queue_.fire_due(kStart + 1s), 1U);
  EXPECT_EQ(fired_, "a");

  queue_.arm(c_, kStart + 1s);
  queue_.arm(c_, kStart + 5s);
  EXPECT_EQ(queue_.fire_due(kStart + 5s - 1ns), 1U);
  EXPECT_EQ(fired_, "ab");
  EXPECT_EQ(queue_.fire_due(kStart + 5s), 1U);
  EXPECT_EQ(fired_, "abc");
}

TEST_F(TimerQueueTest, one_armed_again_for_the_same_time_goes_behind_the_others) {
  queue_.arm(a_, kStart);
  queue_.arm(b_, kStart);
  queue_.arm(a_, kStart);
  queue_.fire_due(kStart);
  EXPECT_EQ(fired_, "ba");
}

TEST_F(TimerQueueTest, a_disarmed_one_does_not_fire) {
  queue_.arm(a_, kStart);
  queue_.arm(b_, kStart);
  queue_.arm(c_, kStart);
  b_.disarm();
  b_.disarm();
  EXPECT_FALSE(b_.armed());
  EXPECT_EQ(queue_.fire_due(kStart), 2U);
  EXPECT_EQ(fired_, "ac");
}

TEST_F(TimerQueueTest, a_destroyed_one_does_not_fire) {
  {
    NamedTimer gone("x", fired_);
    queue_.arm(gone, kStart);
    queue_.arm(a_, kStart);
  }
  EXPECT_EQ(queue_.size(), 1U);
  queue_.fire_due(kStart);
  EXPECT_EQ(fired_, "a");
}

TEST_F(TimerQueueTest, a_timer_that_outlives_its_queue_is_not_armed) {
  NamedTimer timer("x", fired_);
  {
    TimerQueue short_lived;
    short_lived.arm(timer, kStart);
  }
  EXPECT_FALSE(timer.armed());
  queue_.arm(timer, kStart);
  EXPECT_TRUE(timer.armed());
}

TEST_F(TimerQueueTest, what_is_armed_while_firing_waits_for_the_next_call) {
  queue_.arm(a_, kStart);
  a_.then = [this] { queue_.arm(a_, kStart); };
  EXPECT_EQ(queue_.fire_due(kStart), 1U);
  EXPECT_EQ(queue_.fire_due(kStart), 1U);
  EXPECT_EQ(fired_, "aa");
}

TEST_F(TimerQueueTest, what_is_armed_for_the_past_while_firing_holds_up_nobody) {
  queue_.arm(a_, kStart);
  queue_.arm(b_, kStart + 1s);
  a_.then = [this] { queue_.arm(c_, kStart - 5s); };
  EXPECT_EQ(queue_.fire_due(kStart + 2s), 2U);
  EXPECT_EQ(fired_, "ab");
  EXPECT_EQ(queue_.fire_due(kStart + 2s), 1U);
  EXPECT_EQ(fired_, "abc");
}

TEST_F(TimerQueueTest, one_that_fires_may_disarm_another_that_is_due) {
  queue_.arm(a_, kStart);
  queue_.arm(b_, kStart);
  a_.then = [this] { b_.disarm(); };
  EXPECT_EQ(queue_.fire_due(kStart), 1U);
  EXPECT_EQ(fired_, "a");
}

TEST_F(TimerQueueTest, one_that_fires_may_destroy_itself) {
  auto timer = std::make_unique<NamedTimer>("x", fired_);
  queue_.arm(*timer, kStart);
  queue_.arm(a_, kStart);
  timer->then = [&timer] { timer.reset(); };
  EXPECT_EQ(queue_.fire_due(kStart), 2U);
  EXPECT_EQ(fired_, "xa");
  EXPECT_EQ(timer, nullptr);
}

/// The same as the heap, with a sorted map.
class NaiveQueue {
 public:
  void arm(int timer, TimePoint due) {
    disarm(timer);
    order_[{due, ++sequence_}] = timer;
  }
  void disarm(int timer) {
    std::erase_if(order_, [timer](const auto& entry) { return entry.second == timer; });
  }
  std::vector<int> fire_due(TimePoint now) {
    std::vector<int> fired;
    while (!order_.empty() && order_.begin()->first.first <= now) {
      fired.push_back(order_.begin()->second);
      order_.erase(order_.begin());
    }
    return fired;
  }
  [[nodiscard]] std::optional<TimePoint> next() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first.first;
  }
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  std::map<std::pair<TimePoint, std::uint64_t>, int> order_;
  std::uint64_t sequence_ = 0;
};

class NumberedTimer final : public Timer {
 public:
  explicit NumberedTimer(std::vector<int>& fired) : fired_(fired) {}
  int number = 0;

 private:
  void on_timer() override { fired_.push_back(number); }
  std::vector<int>& fired_;
};

TEST(TimerQueue, fires_what_a_sorted_map_would_whatever_is_armed_moved_and_disarmed) {
  constexpr int kTimers = 60;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<int> fired;
    TimerQueue queue;
    NaiveQueue naive;
    std::vector<std::unique_ptr<NumberedTimer>> timers;
    for (int i = 0; i < kTimers; ++i) {
      timers.push_back(std::make_unique<NumberedTimer>(fired));
      timers.back()->number = i;
    }
    TimePoint now = kStart;
    for (int step = 0; step < 500; ++step) {
      const auto which = static_cast<int>(random.below(kTimers));
      NumberedTimer& timer = *timers[static_cast<std::size_t>(which)];
      const auto what = random.below(10);
      if (what < 6) {
        const auto due = now + std::chrono::nanoseconds(random.below(50));
        queue.arm(timer, due);
        naive.arm(which, due);
      } else if (what < 9) {
        timer.disarm();
        naive.disarm(which);
      } else {
        now += std::chrono::nanoseconds(random.below(20));
        fired.clear();
        const auto count = queue.fire_due(now);
        const auto expected = naive.fire_due(now);
        ASSERT_EQ(fired, expected);
        ASSERT_EQ(count, expected.size());
      }
      ASSERT_EQ(queue.size(), naive.size());
      ASSERT_EQ(queue.next(), naive.next());
    }
  }
}

}  // namespace
}  // namespace epaulet

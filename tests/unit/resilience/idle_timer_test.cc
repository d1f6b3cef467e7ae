#include "resilience/idle_timer.h"

#include <gtest/gtest.h>

#include "support/sim_loop.h"

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;

const Error kIdle{ErrorCode::idle_timeout, Side::upstream, Stage::relay};

class IdleTimerTest : public testing::Test {
 protected:
  test::SimLoop loop_;
  Scope scope_{loop_};
  IdleTimer timer_{scope_};
};

TEST_F(IdleTimerTest, cancels_when_nothing_has_moved_for_so_long) {
  timer_.start(10s, kIdle);
  loop_.advance(10s - 1ns);
  EXPECT_FALSE(scope_.cancelled());
  loop_.advance(1ns);
  EXPECT_EQ(scope_.cancelled(), kIdle);
}

TEST_F(IdleTimerTest, counts_from_the_last_movement) {
  timer_.start(10s, kIdle);
  loop_.advance(4s);
  timer_.touch();
  loop_.advance(5s);
  timer_.touch();
  loop_.advance(10s - 1ns);
  EXPECT_FALSE(scope_.cancelled());
  loop_.advance(1ns);
  EXPECT_EQ(scope_.cancelled(), kIdle);
}

TEST_F(IdleTimerTest, a_movement_costs_no_timer_operation) {
  timer_.start(10s, kIdle);
  const auto due = loop_.timers().next();
  loop_.advance(9s);
  timer_.touch();
  EXPECT_EQ(loop_.timers().next(), due);
  loop_.advance(1s);
  EXPECT_EQ(loop_.timers().next(), loop_.now() + 9s);
}

TEST_F(IdleTimerTest, none_or_less_means_never) {
  timer_.start(0s, kIdle);
  EXPECT_EQ(loop_.timers().size(), 0U);
  timer_.start(-1s, kIdle);
  EXPECT_EQ(loop_.timers().size(), 0U);
}

TEST_F(IdleTimerTest, a_new_start_replaces_the_earlier_one) {
  timer_.start(10s, kIdle);
  timer_.start(0s, kIdle);
  loop_.advance(1h);
  EXPECT_FALSE(scope_.cancelled());

  timer_.start(10s, kIdle);
  timer_.start(5s, kIdle);
  loop_.advance(5s);
  EXPECT_EQ(scope_.cancelled(), kIdle);
}

TEST_F(IdleTimerTest, a_stopped_one_never_fires) {
  timer_.start(10s, kIdle);
  timer_.stop();
  EXPECT_EQ(loop_.timers().size(), 0U);
  loop_.advance(1h);
  EXPECT_FALSE(scope_.cancelled());
}

}  // namespace
}  // namespace epaulet::resilience

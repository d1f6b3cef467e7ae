#include "runtime/loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "runtime/event.h"
#include "support/sim_loop.h"
#include "tests/unit/runtime/counted.h"

namespace epaulet {
namespace {

using test::Counted;
using test::SimLoop;

class Item final : public ReadyItem {
 public:
  Item(std::string name, std::string& said) : name_(std::move(name)), said_(said) {}
  std::function<void()> then;
  void run() override {
    said_ += name_;
    if (then) then();
  }

 private:
  std::string name_;
  std::string& said_;
};

class LoopTest : public testing::Test {
 protected:
  void SetUp() override { Counted::restart(); }
  std::string said_;
  SimLoop loop_;
  Item a_{"a", said_};
  Item b_{"b", said_};
  Item c_{"c", said_};
};

TEST_F(LoopTest, runs_what_is_ready_in_order_once) {
  loop_.ready(b_);
  loop_.ready(a_);
  EXPECT_TRUE(loop_.has_ready());
  EXPECT_EQ(loop_.run_ready(), 2U);
  EXPECT_EQ(said_, "ba");
  EXPECT_FALSE(loop_.has_ready());
  EXPECT_EQ(loop_.run_ready(), 0U);
}

TEST_F(LoopTest, what_becomes_ready_meanwhile_runs_in_the_same_turn) {
  a_.then = [this] { loop_.ready(c_); };
  loop_.ready(a_);
  loop_.ready(b_);
  EXPECT_EQ(loop_.run_ready(), 3U);
  EXPECT_EQ(said_, "abc");
}

TEST_F(LoopTest, an_item_may_make_itself_ready_again) {
  int left = 2;
  a_.then = [this, &left] {
    if (--left > 0) loop_.ready(a_);
  };
  loop_.ready(a_);
  EXPECT_EQ(loop_.run_ready(), 2U);
}

TEST_F(LoopTest, the_next_turn_comes_after_everything_that_is_ready) {
  loop_.ready_next_turn(a_);
  loop_.ready_next_turn(b_);
  loop_.ready(c_);
  EXPECT_TRUE(loop_.has_next_turn());
  EXPECT_EQ(loop_.run_ready(), 1U);
  loop_.ready(c_);
  loop_.begin_turn();
  EXPECT_FALSE(loop_.has_next_turn());
  EXPECT_EQ(loop_.run_ready(), 3U);
  EXPECT_EQ(said_, "ccab");
}

TEST_F(LoopTest, a_destroyed_item_leaves_both_queues) {
  {
    Item now("x", said_);
    Item later("y", said_);
    loop_.ready(now);
    loop_.ready_next_turn(later);
  }
  EXPECT_FALSE(loop_.has_ready());
  EXPECT_FALSE(loop_.has_next_turn());
}

Task<void> take_turns(Loop& loop, std::string& said) {
  said += "1";
  co_await next_turn(loop);
  said += "2";
  co_await next_turn(loop);
  said += "3";
}
TEST_F(LoopTest, a_task_gives_way_to_others_for_a_turn) {
  loop_.spawn(take_turns(loop_, said_));
  loop_.ready(a_);
  loop_.turn();
  loop_.ready(b_);
  loop_.run_until_quiet();
  EXPECT_EQ(said_, "1a2b3");
}

Task<void> hold_until(Event& event, Scope& scope) {
  const Counted local;
  (void)co_await event.wait(scope);
}
Task<void> hold_shortly() {
  const Counted local;
  co_return;
}

TEST_F(LoopTest, owns_and_counts_the_tasks_that_nobody_joins) {
  Scope scope(loop_);
  Event event(loop_);
  loop_.spawn(hold_shortly());
  EXPECT_EQ(loop_.spawned_tasks(), 0U);
  EXPECT_EQ(Counted::made, 1);
  EXPECT_EQ(Counted::alive(), 0);

  loop_.spawn(hold_until(event, scope));
  EXPECT_EQ(loop_.spawned_tasks(), 1U);
  EXPECT_EQ(Counted::alive(), 1);
  event.set();
  loop_.run_until_quiet();
  EXPECT_EQ(loop_.spawned_tasks(), 0U);
  EXPECT_EQ(Counted::alive(), 0);
}

TEST_F(LoopTest, takes_its_waiting_tasks_with_it) {
  auto loop = std::make_unique<SimLoop>();
  auto scope = std::make_unique<Scope>(*loop);
  auto event = std::make_unique<Event>(*loop);
  loop->spawn(hold_until(*event, *scope));
  EXPECT_EQ(Counted::alive(), 1);
  loop.reset();
  EXPECT_EQ(Counted::alive(), 0);
}

TEST_F(LoopTest, its_time_stands_still_while_code_runs) {
  const auto now = loop_.now();
  a_.then = [this, now] { EXPECT_EQ(loop_.now(), now); };
  loop_.ready(a_);
  loop_.run_ready();
  loop_.set_time(now + std::chrono::seconds(1), WallTime(std::chrono::seconds(5)));
  EXPECT_EQ(loop_.now(), now + std::chrono::seconds(1));
  EXPECT_EQ(loop_.wall_now(), WallTime(std::chrono::seconds(5)));
}

}  // namespace
}  // namespace epaulet

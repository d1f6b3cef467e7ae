#include "runtime/fork.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "runtime/event.h"
#include "support/sim_loop.h"

namespace epaulet {
namespace {

using test::SimLoop;

class ForkTest : public testing::Test {
 protected:
  SimLoop loop_;
  Scope scope_{loop_};
  Event event_{loop_};
  std::string said_;
};

Task<int> wait_and_say(Event& event, Scope& scope, std::string& said) {
  said += "begun ";
  const auto waited = co_await event.wait(scope);
  said += waited ? "woken " : "cancelled ";
  co_return 7;
}
Task<int> at_once(int value) {
  co_return value;
}

Task<void> run_beside(Event& event, Scope& scope, std::string& said) {
  Fork<int> fork;
  EXPECT_FALSE(fork.running());
  EXPECT_FALSE(fork.ended());
  fork.start(wait_and_say(event, scope, said));
  said += "starter ";
  EXPECT_TRUE(fork.running());
  EXPECT_FALSE(fork.ended());
  const int value = co_await fork.join();
  said += "joined " + std::to_string(value);
  EXPECT_FALSE(fork.running());
}
TEST_F(ForkTest, runs_beside_its_starter_from_its_first_wait_on) {
  loop_.spawn(run_beside(event_, scope_, said_));
  EXPECT_EQ(said_, "begun starter ");
  event_.set();
  loop_.run_until_quiet();
  EXPECT_EQ(said_, "begun starter woken joined 7");
  EXPECT_EQ(loop_.spawned_tasks(), 0U);
}

Task<void> join_later(Event& event, Scope& scope, std::string& said) {
  Fork<int> fork;
  fork.start(wait_and_say(event, scope, said));
  event.set();
  auto at = scope.loop().now() + std::chrono::seconds(1);
  (void)co_await sleep_until(scope, at);
  said += fork.ended() ? "ended " : "running ";
  said += std::to_string(co_await fork.join());
}
TEST_F(ForkTest, an_end_before_the_join_is_not_lost) {
  loop_.spawn(join_later(event_, scope_, said_));
  loop_.advance(std::chrono::seconds(1));
  EXPECT_EQ(said_, "begun woken ended 7");
}

Task<void> use_again(std::string& said) {
  Fork<int> fork;
  for (const int value : {1, 2}) {
    fork.start(at_once(value));
    EXPECT_TRUE(fork.ended());
    said += std::to_string(co_await fork.join());
    EXPECT_FALSE(fork.ended());
  }
}
TEST_F(ForkTest, serves_one_task_after_the_other) {
  loop_.spawn(use_again(said_));
  EXPECT_EQ(said_, "12");
}

Task<void> cancel_and_join(Event& event, Scope& outer, std::string& said) {
  Scope scope(outer);
  Fork<int> fork;
  fork.start(wait_and_say(event, scope, said));
  scope.cancel({ErrorCode::cancelled, Side::self, Stage::relay});
  EXPECT_TRUE(fork.running());  // It hears of it through the loop.
  said += std::to_string(co_await fork.join());
}
TEST_F(ForkTest, one_half_cancels_the_other_and_joins_it) {
  loop_.spawn(cancel_and_join(event_, scope_, said_));
  loop_.run_until_quiet();
  EXPECT_EQ(said_, "begun cancelled 7");
}

Task<std::unique_ptr<int>> pointer(int value) {
  co_return std::make_unique<int>(value);
}
Task<void> join_pointer(int& out) {
  Fork<std::unique_ptr<int>> fork;
  fork.start(pointer(9));
  const auto got = co_await fork.join();
  out = *got;
}
TEST_F(ForkTest, gives_values_that_only_move) {
  int out = 0;
  loop_.spawn(join_pointer(out));
  EXPECT_EQ(out, 9);
}

Task<void> end_without_join(Event& event, Scope& scope, std::string& said) {
  Fork<int> fork;
  fork.start(wait_and_say(event, scope, said));
  co_return;
}
TEST_F(ForkTest, outliving_its_owner_is_a_broken_invariant) {
  EXPECT_DEATH(loop_.spawn(end_without_join(event_, scope_, said_)), "broken invariant: !running");
}

Task<void> start_twice(Event& event, Scope& scope, std::string& said) {
  Fork<int> fork;
  fork.start(wait_and_say(event, scope, said));
  fork.start(at_once(1));
  (void)co_await fork.join();
}
TEST_F(ForkTest, starting_it_while_it_runs_is_a_broken_invariant) {
  EXPECT_DEATH(loop_.spawn(start_twice(event_, scope_, said_)), "broken invariant: !running");
}

}  // namespace
}  // namespace epaulet

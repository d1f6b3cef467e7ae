#include "runtime/event.h"

#include <gtest/gtest.h>

#include <optional>

#include "runtime/task.h"
#include "support/sim_loop.h"

namespace epaulet {
namespace {

using test::SimLoop;

const Error kWhy{ErrorCode::request_timeout, Side::upstream, Stage::relay};

Task<void> wait(Event& event, Scope& scope, std::optional<Result<void>>& result) {
  result = co_await event.wait(scope);
}

class EventTest : public testing::Test {
 protected:
  SimLoop loop_;
  Scope scope_{loop_};
  Event event_{loop_};
  std::optional<Result<void>> result_;
};

TEST_F(EventTest, one_that_is_set_makes_nobody_wait) {
  event_.set();
  EXPECT_TRUE(event_.is_set());
  loop_.spawn(wait(event_, scope_, result_));
  ASSERT_TRUE(result_);
  EXPECT_TRUE(*result_);
}

TEST_F(EventTest, wakes_its_waiter_through_the_loop) {
  loop_.spawn(wait(event_, scope_, result_));
  loop_.run_until_quiet();
  EXPECT_FALSE(result_);
  event_.set();
  EXPECT_FALSE(result_);  // Not from inside set(): the one who sets it goes on first.
  loop_.run_until_quiet();
  ASSERT_TRUE(result_);
  EXPECT_TRUE(*result_);
}

TEST_F(EventTest, stays_set_until_it_is_reset) {
  event_.set();
  event_.set();
  loop_.spawn(wait(event_, scope_, result_));
  EXPECT_TRUE(result_);
  EXPECT_TRUE(event_.is_set());
  event_.reset();
  EXPECT_FALSE(event_.is_set());
  result_.reset();
  loop_.spawn(wait(event_, scope_, result_));
  loop_.run_until_quiet();
  EXPECT_FALSE(result_);
  event_.set();
  loop_.run_until_quiet();
  EXPECT_TRUE(result_);
}

TEST_F(EventTest, gives_the_reason_of_a_scope_that_was_cancelled_first) {
  loop_.spawn(wait(event_, scope_, result_));
  scope_.cancel(kWhy);
  EXPECT_FALSE(result_);
  event_.set();  // Too late for this waiter; the next one finds it set.
  loop_.run_until_quiet();
  ASSERT_TRUE(result_);
  ASSERT_FALSE(*result_);
  EXPECT_EQ(result_->error(), kWhy);
  EXPECT_TRUE(event_.is_set());
}

TEST_F(EventTest, a_wake_up_that_is_on_its_way_is_not_taken_back) {
  loop_.spawn(wait(event_, scope_, result_));
  event_.set();
  scope_.cancel(kWhy);
  loop_.run_until_quiet();
  ASSERT_TRUE(result_);
  EXPECT_TRUE(*result_);
}

TEST_F(EventTest, nobody_waits_within_a_cancelled_scope) {
  scope_.cancel(kWhy);
  loop_.spawn(wait(event_, scope_, result_));
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->error(), kWhy);

  event_.set();
  loop_.spawn(wait(event_, scope_, result_));
  EXPECT_TRUE(*result_);  // Nothing to wait for.
}

TEST_F(EventTest, takes_another_waiter_when_the_first_has_left) {
  Scope first(scope_);
  std::optional<Result<void>> first_result;
  loop_.spawn(wait(event_, first, first_result));
  first.cancel(kWhy);
  loop_.spawn(wait(event_, scope_, result_));
  event_.set();
  loop_.run_until_quiet();
  EXPECT_FALSE(*first_result);
  EXPECT_TRUE(*result_);
}

TEST_F(EventTest, forgets_a_waiter_that_is_destroyed) {
  loop_.spawn(wait(event_, scope_, result_));
  loop_.end_tasks();
  event_.set();
  scope_.cancel(kWhy);
  EXPECT_FALSE(loop_.run_until_quiet());
  EXPECT_FALSE(result_);
}

TEST_F(EventTest, forgets_a_waiter_that_is_destroyed_between_the_wake_up_and_its_turn) {
  loop_.spawn(wait(event_, scope_, result_));
  event_.set();
  loop_.end_tasks();
  EXPECT_FALSE(loop_.run_until_quiet());
  EXPECT_FALSE(result_);
}

TEST_F(EventTest, a_second_waiter_is_a_broken_invariant) {
  loop_.spawn(wait(event_, scope_, result_));
  std::optional<Result<void>> second;
  EXPECT_DEATH(loop_.spawn(wait(event_, scope_, second)), "broken invariant");
}

}  // namespace
}  // namespace epaulet

#include "runtime/scope.h"

#include <gtest/gtest.h>

#include <optional>

#include "runtime/event.h"
#include "runtime/task.h"
#include "support/sim_loop.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;
using test::SimLoop;

const Error kFirst{ErrorCode::downstream_reset, Side::downstream, Stage::receive};
const Error kSecond{ErrorCode::drain_timeout, Side::self, Stage::shutdown};
const Error kLate{ErrorCode::request_timeout, Side::upstream, Stage::relay, Retry::never, 30};

Task<void> sleep(Scope& scope, std::chrono::nanoseconds time, std::optional<Result<void>>& result) {
  auto until = scope.loop().now() + time;
  result = co_await sleep_until(scope, until);
}

class ScopeTest : public testing::Test {
 protected:
  SimLoop loop_;
  Scope scope_{loop_};
  std::optional<Result<void>> one_;
  std::optional<Result<void>> two_;
};

TEST_F(ScopeTest, a_cancellation_reaches_everybody_who_waits) {
  loop_.spawn(sleep(scope_, 1h, one_));
  loop_.spawn(sleep(scope_, 2h, two_));
  scope_.cancel(kFirst);
  EXPECT_FALSE(one_);  // Nobody runs inside cancel().
  loop_.run_until_quiet();
  ASSERT_TRUE(one_ && two_);
  EXPECT_EQ(one_->error(), kFirst);
  EXPECT_EQ(two_->error(), kFirst);
  EXPECT_EQ(loop_.timers().size(), 0U);
}

TEST_F(ScopeTest, the_first_reason_wins) {
  scope_.cancel(kFirst);
  scope_.cancel(kSecond);
  EXPECT_EQ(scope_.cancelled(), kFirst);
  loop_.spawn(sleep(scope_, 1h, one_));
  ASSERT_TRUE(one_);  // Whoever comes later does not wait at all.
  EXPECT_EQ(one_->error(), kFirst);
}

TEST_F(ScopeTest, a_cancellation_reaches_the_children_and_theirs_with_its_reason) {
  Scope child(scope_);
  Scope grandchild(child);
  loop_.spawn(sleep(grandchild, 1h, one_));
  scope_.cancel(kFirst);
  loop_.run_until_quiet();
  EXPECT_EQ(child.cancelled(), kFirst);
  EXPECT_EQ(grandchild.cancelled(), kFirst);
  EXPECT_EQ(one_->error(), kFirst);
}

TEST_F(ScopeTest, a_childs_end_is_its_own) {
  Scope child(scope_);
  Scope sibling(scope_);
  loop_.spawn(sleep(sibling, 1h, two_));
  child.cancel(kFirst);
  loop_.run_until_quiet();
  EXPECT_FALSE(scope_.cancelled());
  EXPECT_FALSE(sibling.cancelled());
  EXPECT_FALSE(two_);
  scope_.cancel(kSecond);
  EXPECT_EQ(child.cancelled(), kFirst);
  EXPECT_EQ(sibling.cancelled(), kSecond);
  loop_.run_until_quiet();
}

TEST_F(ScopeTest, a_child_of_a_cancelled_scope_is_cancelled_from_the_beginning) {
  scope_.cancel(kFirst);
  const Scope child(scope_);
  EXPECT_EQ(child.cancelled(), kFirst);
}

TEST_F(ScopeTest, a_child_that_has_ended_is_forgotten) {
  {
    Scope child(scope_);
    child.set_deadline(loop_.now() + 1s, kLate);
  }
  EXPECT_EQ(loop_.timers().size(), 0U);
  scope_.cancel(kFirst);
  EXPECT_FALSE(loop_.run_until_quiet());
}

TEST_F(ScopeTest, its_deadline_cancels_at_its_time_and_not_before) {
  loop_.spawn(sleep(scope_, 1h, one_));
  scope_.set_deadline(loop_.now() + 30s, kLate);
  loop_.advance(30s - 1ns);
  EXPECT_FALSE(scope_.cancelled());
  loop_.advance(1ns);
  EXPECT_EQ(scope_.cancelled(), kLate);
  EXPECT_EQ(one_->error(), kLate);
  EXPECT_EQ(loop_.timers().size(), 0U);
}

TEST_F(ScopeTest, a_deadline_in_the_past_cancels_in_this_turn) {
  loop_.spawn(sleep(scope_, 1h, one_));
  scope_.set_deadline(loop_.now() - 1s, kLate);
  EXPECT_FALSE(scope_.cancelled());
  loop_.run_until_quiet();
  EXPECT_EQ(one_->error(), kLate);
}

TEST_F(ScopeTest, a_new_deadline_replaces_the_earlier_one) {
  scope_.set_deadline(loop_.now() + 10s, kLate);
  scope_.set_deadline(loop_.now() + 20s, kSecond);
  EXPECT_EQ(loop_.timers().size(), 1U);
  loop_.advance(20s - 1ns);
  EXPECT_FALSE(scope_.cancelled());
  loop_.advance(1ns);
  EXPECT_EQ(scope_.cancelled(), kSecond);

  Scope other(loop_);
  other.set_deadline(loop_.now() + 20s, kLate);
  other.set_deadline(loop_.now() + 10s, kSecond);
  loop_.advance(10s);
  EXPECT_EQ(other.cancelled(), kSecond);
}

TEST_F(ScopeTest, a_cleared_deadline_never_comes) {
  scope_.set_deadline(loop_.now() + 10s, kLate);
  scope_.clear_deadline();
  EXPECT_FALSE(scope_.deadline());
  loop_.advance(1h);
  EXPECT_FALSE(scope_.cancelled());
}

TEST_F(ScopeTest, the_earliest_deadline_of_scope_and_ancestors_counts) {
  EXPECT_FALSE(scope_.deadline());
  Scope child(scope_);
  Scope grandchild(child);
  const auto now = loop_.now();
  scope_.set_deadline(now + 20s, kSecond);
  EXPECT_EQ(grandchild.deadline(), now + 20s);
  child.set_deadline(now + 30s, kLate);  // Longer than the parent's: of no use.
  EXPECT_EQ(grandchild.deadline(), now + 20s);
  grandchild.set_deadline(now + 10s, kLate);
  EXPECT_EQ(grandchild.deadline(), now + 10s);
  EXPECT_EQ(child.deadline(), now + 20s);
  grandchild.clear_deadline();

  loop_.spawn(sleep(child, 1h, one_));
  loop_.advance(20s);
  EXPECT_EQ(child.cancelled(), kSecond);
  EXPECT_EQ(one_->error(), kSecond);
}

TEST_F(ScopeTest, a_cancelled_scope_takes_no_deadline) {
  scope_.set_deadline(loop_.now() + 10s, kLate);
  scope_.cancel(kFirst);
  EXPECT_EQ(loop_.timers().size(), 0U);
  scope_.set_deadline(loop_.now() + 10s, kLate);
  EXPECT_EQ(loop_.timers().size(), 0U);
}

Task<void> wait(Event& event, Scope& scope, std::optional<Result<void>>& result) {
  result = co_await event.wait(scope);
}
TEST_F(ScopeTest, one_timer_serves_all_that_wait_under_a_deadline) {
  Event first(loop_);
  Event second(loop_);
  scope_.set_deadline(loop_.now() + 10s, kLate);
  loop_.spawn(wait(first, scope_, one_));
  loop_.spawn(wait(second, scope_, two_));
  EXPECT_EQ(loop_.timers().size(), 1U);
  loop_.advance(10s);
  EXPECT_EQ(one_->error(), kLate);
  EXPECT_EQ(two_->error(), kLate);
}

TEST_F(ScopeTest, a_sleep_ends_at_its_time) {
  loop_.spawn(sleep(scope_, 5s, one_));
  loop_.advance(5s - 1ns);
  EXPECT_FALSE(one_);
  loop_.advance(1ns);
  ASSERT_TRUE(one_);
  EXPECT_TRUE(*one_);
}

TEST_F(ScopeTest, a_sleep_that_is_over_is_not_cancelled_any_more) {
  loop_.spawn(sleep(scope_, 5s, one_));
  loop_.move_clock(loop_.now() + 5s);
  loop_.timers().fire_due(loop_.now());
  EXPECT_FALSE(one_);  // Its turn has not come yet.
  scope_.cancel(kFirst);
  loop_.run_until_quiet();
  ASSERT_TRUE(one_);
  EXPECT_TRUE(*one_);
}

TEST_F(ScopeTest, a_destroyed_sleeper_leaves_timers_and_scope) {
  loop_.spawn(sleep(scope_, 5s, one_));
  EXPECT_EQ(loop_.timers().size(), 1U);
  loop_.end_tasks();
  EXPECT_EQ(loop_.timers().size(), 0U);
  scope_.cancel(kFirst);
  EXPECT_FALSE(loop_.run_until_quiet());
  EXPECT_FALSE(one_);
}

}  // namespace
}  // namespace epaulet

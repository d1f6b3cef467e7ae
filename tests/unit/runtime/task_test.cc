#include "runtime/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "base/result.h"
#include "runtime/event.h"
#include "runtime/fork.h"
#include "support/sim_loop.h"
#include "tests/unit/runtime/counted.h"

namespace epaulet {
namespace {

using test::Counted;
using test::SimLoop;

class TaskTest : public testing::Test {
 protected:
  void SetUp() override { Counted::restart(); }

  SimLoop loop_;
  Scope scope_{loop_};
  Event event_{loop_};
};

Task<void> note(bool& ran) {
  ran = true;
  co_return;
}
Task<void> await_note(bool& ran) {
  auto task = note(ran);
  EXPECT_FALSE(ran);
  co_await task;
  EXPECT_TRUE(task.done());
}

TEST_F(TaskTest, does_nothing_until_it_is_awaited) {
  bool ran = false;
  {
    const auto never = note(ran);
    EXPECT_FALSE(never.done());
  }
  EXPECT_FALSE(ran);
  loop_.spawn(await_note(ran));
  EXPECT_TRUE(ran);
  EXPECT_EQ(loop_.spawned_tasks(), 0U);
}

Task<std::unique_ptr<int>> make_number(int number) {
  co_return std::make_unique<int>(number);
}
Task<void> add(int& sum) {
  sum += *co_await make_number(3);
  sum += *co_await make_number(4);
}
TEST_F(TaskTest, gives_values_that_only_move) {
  int sum = 0;
  loop_.spawn(add(sum));
  EXPECT_EQ(sum, 7);
}

Task<Result<int>> fail_or(bool fails) {
  if (fails) co_return Error(ErrorCode::no_route, Side::self, Stage::route);
  co_return 5;
}
Task<void> read_results(int& value, ErrorCode& code) {
  const auto good = co_await fail_or(false);
  value = *good;
  const auto bad = co_await fail_or(true);
  code = bad.error().code;
}
TEST_F(TaskTest, gives_a_value_or_an_error) {
  int value = 0;
  ErrorCode code = ErrorCode::none;
  loop_.spawn(read_results(value, code));
  EXPECT_EQ(value, 5);
  EXPECT_EQ(code, ErrorCode::no_route);
}

Task<void> hold(Counted, Event& event, Scope& scope) {
  const Counted local;
  (void)co_await event.wait(scope);
}
TEST_F(TaskTest, destroyed_before_its_start_destroys_its_parameters) {
  {
    const auto task = hold(Counted(), event_, scope_);
    EXPECT_EQ(Counted::alive(), 1);
  }
  EXPECT_EQ(Counted::alive(), 0);
}

Task<void> hold_through(Event& event, Scope& scope) {
  const Counted local;
  auto inner = hold(Counted(), event, scope);
  co_await inner;
}
TEST_F(TaskTest, destroyed_while_it_waits_destroys_the_locals_of_all_it_awaits) {
  loop_.spawn(hold_through(event_, scope_));
  EXPECT_EQ(Counted::alive(), 3);
  loop_.end_tasks();
  EXPECT_EQ(Counted::alive(), 0);
  event_.set();  // Nobody waits any more.
  EXPECT_FALSE(loop_.run_until_quiet());
}

TEST_F(TaskTest, an_assigned_task_lets_the_former_one_go) {
  auto task = hold(Counted(), event_, scope_);
  auto other = hold(Counted(), event_, scope_);
  EXPECT_EQ(Counted::alive(), 2);
  task = std::move(other);
  EXPECT_EQ(Counted::alive(), 1);
  EXPECT_FALSE(task.done());
  auto& same = task;
  task = std::move(same);
  EXPECT_EQ(Counted::alive(), 1);
  task.reset();
  EXPECT_EQ(Counted::alive(), 0);
  EXPECT_TRUE(task.done());
}

Task<void> throw_something(bool really) {
  if (really) throw std::runtime_error("out of a worker");
  co_return;
}
TEST_F(TaskTest, an_exception_is_a_broken_invariant) {
  bool fine = false;
  loop_.spawn(throw_something(false));
  fine = true;
  EXPECT_TRUE(fine);
  EXPECT_DEATH(loop_.spawn(throw_something(true)), "a coroutine let an exception escape");
}

}  // namespace
}  // namespace epaulet

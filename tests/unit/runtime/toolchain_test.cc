#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "runtime/fork.h"
#include "tests/unit/runtime/counted.h"

// What our coroutines rely on, and what they must not do, with the compiler at hand: a new compiler
// (or new flags) is taken when this page is green.

namespace epaulet {
namespace {

using test::Counted;

struct Aggregate {
  int number;
  Counted counted;
};
class Constructed {
 public:
  explicit Constructed(int value) : counted_(value) {}
  [[nodiscard]] int value() const { return counted_.value; }

 private:
  Counted counted_;
};

Task<int> take_aggregate(Aggregate aggregate) {
  co_return aggregate.counted.value;
}
Task<int> take_constructed(Constructed constructed) {
  co_return constructed.value();
}
Task<int> take_reference(const Counted& counted) {
  co_return counted.value;
}
template <class Function>
Task<int> call(Function function) {
  co_return function();
}
Task<std::size_t> length_of(std::string text) {
  co_return text.size();
}

/// Runs a task that never waits. Returns its value and counts the objects of its run.
template <class Make>
int run_counting(Make make) {
  Counted::restart();
  int value = 0;
  {
    Fork<int> fork;
    fork.start(make());
    EXPECT_TRUE(fork.ended());
    auto join = fork.join();
    value = join.await_resume();
  }
  return value;
}

Task<int> pass_named_aggregate() {
  auto aggregate = Aggregate{1, Counted(7)};
  co_return co_await take_aggregate(std::move(aggregate));
}
TEST(Toolchain, a_named_aggregate_is_destroyed_once) {
  EXPECT_EQ(run_counting(pass_named_aggregate), 7);
  EXPECT_EQ(Counted::alive(), 0);
}

Task<int> pass_named_lambda() {
  const Counted counted(8);
  auto lambda = [counted] { return counted.value; };
  co_return co_await call(std::move(lambda));
}
TEST(Toolchain, a_named_lambda_is_destroyed_once) {
  EXPECT_EQ(run_counting(pass_named_lambda), 8);
  EXPECT_EQ(Counted::alive(), 0);
}

Task<int> pass_constructed_temporary() {
  co_return co_await take_constructed(Constructed(9));
}
TEST(Toolchain, a_temporary_of_a_type_with_a_constructor_is_destroyed_once) {
  EXPECT_EQ(run_counting(pass_constructed_temporary), 9);
  EXPECT_EQ(Counted::alive(), 0);
}

Task<int> pass_reference_to_temporary() {
  co_return co_await take_reference(Counted(10));
}
TEST(Toolchain, a_temporary_lives_to_the_end_of_the_await_expression) {
  EXPECT_EQ(run_counting(pass_reference_to_temporary), 10);
  EXPECT_EQ(Counted::alive(), 0);
}

Task<int> pass_named_string() {
  std::string text(100, 'x');
  co_return static_cast<int>(co_await length_of(std::move(text)));
}
TEST(Toolchain, a_named_string_moves_into_a_task) {
  EXPECT_EQ(run_counting(pass_named_string), 100);
}

// --- the defect, so that the rule can go when it goes -----------------------------------------

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ == 12
constexpr int kDestroyedTooOften = 1;
#else
constexpr int kDestroyedTooOften = 0;
#endif

Task<int> pass_brace_built_temporary() {
  co_return co_await take_aggregate(Aggregate{1, Counted(11)});
}
TEST(Toolchain, gcc_12_destroys_a_brace_built_temporary_twice) {
  EXPECT_EQ(run_counting(pass_brace_built_temporary), 11);
  EXPECT_EQ(Counted::alive(), -kDestroyedTooOften);
}

Task<int> pass_lambda_temporary() {
  const Counted counted(12);
  co_return co_await call([counted] { return counted.value; });
}
TEST(Toolchain, gcc_12_destroys_a_capturing_lambda_temporary_twice) {
  EXPECT_EQ(run_counting(pass_lambda_temporary), 12);
  EXPECT_EQ(Counted::alive(), -kDestroyedTooOften);
}

// --- symmetric transfer ------------------------------------------------------------------------

std::uintptr_t g_deepest = UINTPTR_MAX;

[[gnu::noinline]] void note_stack() {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  g_deepest = std::min(g_deepest, here);
}

// g++ makes a resumption a tail call where it makes tail calls at all: from -O2 on, and so in
// release builds. Tests are compiled without optimisation, but this file with that part of it.
Task<int> leaf() {
  note_stack();
  co_return 1;
}
Task<int> await_many(int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += co_await leaf();
  co_return sum;
}
Task<int> await_deep(int depth) {
  if (depth == 0) co_return co_await leaf();
  const int below = co_await await_deep(depth - 1);
  note_stack();
  co_return below + 1;
}

std::size_t stack_of(Task<int> task, int expected) {
  g_deepest = UINTPTR_MAX;
  const auto top = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  Fork<int> fork;
  fork.start(std::move(task));
  EXPECT_TRUE(fork.ended());
  EXPECT_EQ(fork.join().await_resume(), expected);
  return top - g_deepest;
}

constexpr bool kTailCalls =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    false;
#else
    true;
#endif

TEST(Toolchain, a_million_awaits_that_never_wait_take_no_stack) {
  if (!kTailCalls) GTEST_SKIP() << "sanitizers instrument the end of a function: no tail calls";
  const auto few = stack_of(await_many(10), 10);
  EXPECT_LT(stack_of(await_many(1'000'000), 1'000'000), few + 512);
}

TEST(Toolchain, tasks_awaited_a_million_deep_take_no_stack) {
  if (!kTailCalls) GTEST_SKIP() << "sanitizers instrument the end of a function: no tail calls";
  const auto few = stack_of(await_deep(10), 11);
  EXPECT_LT(stack_of(await_deep(1'000'000), 1'000'001), few + 512);
}

}  // namespace
}  // namespace epaulet

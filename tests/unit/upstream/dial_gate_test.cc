#include "upstream/dial_gate.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "support/sim_loop.h"

namespace epaulet::upstream {
namespace {

constexpr std::size_t kAtOnce = limits::kDialsAtOnceMax;

PoolKey key_of(std::uint16_t port) {
  PoolKey key;
  key.address = {IpAddress::v4(0x0A000001), port};
  return key;
}

/// Enters, and keeps its turn until it is told to go.
struct Dialler {
  explicit Dialler(Loop& loop) : scope(loop), go(loop) {}
  Scope scope;
  Event go;
  std::optional<Result<void>> in;
};

Task<void> dial(DialGate& gate, PoolKey key, Dialler& dialler, Scope& all) {
  const auto turn = co_await gate.enter(key, dialler.scope);
  if (!turn) {
    dialler.in = turn.error();
    co_return;
  }
  dialler.in = Result<void>();
  (void)co_await dialler.go.wait(all);
}

class DialGateTest : public testing::Test {
 protected:
  ~DialGateTest() override {
    scope_.cancel({ErrorCode::cancelled, Side::self, Stage::none});
    loop_.run_until_quiet();
  }
  Dialler& add(std::uint16_t port = 1) {
    auto& dialler = diallers_.emplace_back(loop_);
    loop_.spawn(dial(gate_, key_of(port), dialler, scope_));
    loop_.run_until_quiet();
    return dialler;
  }
  void end(Dialler& dialler) {
    dialler.go.set();
    loop_.run_until_quiet();
  }

  test::SimLoop loop_;
  Scope scope_{loop_};
  DialGate gate_{loop_, kAtOnce};
  std::deque<Dialler> diallers_;
};

TEST_F(DialGateTest, lets_so_many_in_and_the_others_in_their_order) {
  for (std::size_t i = 0; i < kAtOnce; ++i) EXPECT_TRUE(add().in);
  EXPECT_FALSE(gate_.is_waited_at(key_of(1)));
  auto& first = add();
  auto& second = add();
  EXPECT_FALSE(first.in);
  EXPECT_TRUE(gate_.is_waited_at(key_of(1)));
  end(diallers_[5]);
  EXPECT_TRUE(first.in);
  EXPECT_FALSE(second.in);
  end(first);
  EXPECT_TRUE(second.in);
}

TEST_F(DialGateTest, holds_nobody_back_who_dials_another_endpoint) {
  for (std::size_t i = 0; i <= kAtOnce; ++i) add(1);
  EXPECT_TRUE(add(2).in);
}

TEST_F(DialGateTest, lets_one_more_in_for_each_connection_that_came_free) {
  for (std::size_t i = 0; i < kAtOnce; ++i) add();
  auto& first = add();
  auto& second = add();
  gate_.came_free(key_of(2));
  loop_.run_until_quiet();
  EXPECT_FALSE(first.in);
  gate_.came_free(key_of(1));
  loop_.run_until_quiet();
  EXPECT_TRUE(first.in);
  end(first);
  EXPECT_FALSE(second.in) << "that one was above the number";
  end(diallers_[0]);
  EXPECT_TRUE(second.in);
}

TEST_F(DialGateTest, forgets_who_has_no_time_left) {
  for (std::size_t i = 0; i < kAtOnce; ++i) add();
  auto& late = add();
  auto& other = add();
  late.scope.cancel({ErrorCode::connect_timeout, Side::upstream, Stage::connect});
  loop_.run_until_quiet();
  ASSERT_TRUE(late.in);
  EXPECT_EQ(late.in->error().code, ErrorCode::connect_timeout);
  end(diallers_[0]);
  EXPECT_TRUE(other.in);
}

TEST_F(DialGateTest, passes_a_turn_on_that_came_too_late) {
  for (std::size_t i = 0; i < kAtOnce; ++i) add();
  auto& late = add();
  auto& other = add();
  late.scope.cancel({ErrorCode::connect_timeout, Side::upstream, Stage::connect});
  gate_.came_free(key_of(1));  // Before it has learnt of its end.
  loop_.run_until_quiet();
  EXPECT_FALSE(late.in->has_value());
  EXPECT_TRUE(other.in);
}

}  // namespace
}  // namespace epaulet::upstream

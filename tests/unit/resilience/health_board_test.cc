#include "resilience/health_board.h"

#include <gtest/gtest.h>

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;
using State = HealthBoard::State;

constexpr TimePoint kStart{1000h};

SocketAddress address(unsigned number) {
  return {IpAddress::v4(0x0A000000u + number), 8080};
}
std::vector<SocketAddress> addresses(unsigned count, unsigned from = 1) {
  std::vector<SocketAddress> all;
  for (unsigned i = 0; i < count; ++i) all.push_back(address(from + i));
  return all;
}
HealthCheckSettings settings(std::uint32_t healthy_after, std::uint32_t unhealthy_after,
                             double panic_threshold = 0.5,
                             InitialHealth initially = InitialHealth::healthy) {
  HealthCheckSettings made;
  made.tcp.emplace();
  made.healthy_after = healthy_after;
  made.unhealthy_after = unhealthy_after;
  made.panic_threshold = panic_threshold;
  made.initially = initially;
  return made;
}

struct Fixture {
  explicit Fixture(unsigned count, const HealthCheckSettings& rules = settings(2, 3))
      : board(HealthBoard::Rules(rules)) {
    board.adopt(addresses(count));
  }
  HealthBoard::Settled pass(unsigned i, TimePoint now = kStart) {
    HealthBoard::Finding finding;
    finding.passed = true;
    return board.settle(address(i), finding, now, now + 10s);
  }
  HealthBoard::Settled fail(unsigned i, TimePoint now = kStart) {
    HealthBoard::Finding finding;
    finding.status = 503;
    finding.text = "answered 503";
    return board.settle(address(i), finding, now, now + 10s);
  }
  void make_unhealthy(unsigned i) {
    while (fail(i).to != State::unhealthy) continue;
  }
  bool is_out(unsigned i) const { return board.is_left_out(address(i)); }

  HealthBoard board;
};

TEST(HealthBoard, a_row_of_failures_makes_unhealthy_and_a_row_of_passes_well_again) {
  Fixture f(4);
  EXPECT_EQ(f.pass(1).to, State::healthy);
  EXPECT_FALSE(f.fail(1).to);
  EXPECT_FALSE(f.fail(1).to);
  EXPECT_FALSE(f.is_out(1));
  const auto settled = f.fail(1, kStart + 1s);
  EXPECT_EQ(settled.to, State::unhealthy);
  EXPECT_EQ(settled.in_row, 3u);
  EXPECT_TRUE(f.is_out(1));
  EXPECT_FALSE(f.pass(1).to);
  EXPECT_TRUE(f.is_out(1));
  EXPECT_EQ(f.pass(1).to, State::healthy);
  EXPECT_FALSE(f.is_out(1));
}

TEST(HealthBoard, a_pass_ends_the_row_of_failures_and_a_failure_that_of_passes) {
  Fixture f(4);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(f.fail(1).to);
    EXPECT_FALSE(f.fail(1).to);
    EXPECT_NE(f.pass(1).to, State::unhealthy);
  }
  f.make_unhealthy(1);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(f.pass(1).to);
    EXPECT_FALSE(f.fail(1).to);
  }
  EXPECT_TRUE(f.is_out(1));
}

TEST(HealthBoard, who_was_never_checked_gets_requests_unless_newcomers_wait) {
  Fixture f(2);
  EXPECT_FALSE(f.is_out(1));
  EXPECT_FALSE(f.is_out(77));  // Another worker knows of it first.
}

TEST(HealthBoard, newcomers_wait_for_their_first_check_but_not_where_all_are_new) {
  Fixture f(2, settings(2, 3, 0.5, InitialHealth::unhealthy));
  EXPECT_FALSE(f.is_out(1));
  EXPECT_EQ(f.pass(1).to, State::healthy);
  EXPECT_FALSE(f.is_out(2));  // The first round is not over: one is not left alone with all.
  EXPECT_EQ(f.pass(2).to, State::healthy);
  f.board.adopt(addresses(3));
  EXPECT_TRUE(f.is_out(3));
  EXPECT_TRUE(f.is_out(77));
  EXPECT_EQ(f.pass(3).to, State::healthy);  // The first is enough.
  EXPECT_FALSE(f.is_out(3));
  f.board.adopt(addresses(2, 10));  // Everybody was replaced.
  EXPECT_FALSE(f.is_out(10));
}

TEST(HealthBoard, a_newcomer_that_waits_and_fails_is_unhealthy_at_once) {
  Fixture f(3, settings(2, 3, 0.5, InitialHealth::unhealthy));
  for (unsigned i = 1; i <= 3; ++i) (void)f.pass(i);
  f.board.adopt(addresses(4));
  EXPECT_EQ(f.fail(4).to, State::unhealthy);
  EXPECT_FALSE(f.pass(4).to);
  EXPECT_EQ(f.pass(4).to, State::healthy);
}

TEST(HealthBoard, newcomers_do_not_make_a_panic) {
  Fixture f(2, settings(2, 3, 0.5, InitialHealth::unhealthy));
  (void)f.pass(1);
  (void)f.pass(2);
  f.board.adopt(addresses(9));  // Seven of nine wait.
  EXPECT_FALSE(f.board.totals().panics);
  EXPECT_TRUE(f.is_out(5));
}

TEST(HealthBoard, below_the_threshold_checks_are_not_heeded) {
  Fixture f(4);
  f.make_unhealthy(1);
  f.make_unhealthy(2);
  EXPECT_TRUE(f.is_out(1));  // Half are healthy: that is not below.
  EXPECT_FALSE(f.board.totals().panics);
  f.make_unhealthy(3);
  for (unsigned i = 1; i <= 4; ++i) EXPECT_FALSE(f.is_out(i));
  EXPECT_TRUE(f.board.totals().panics);
  (void)f.pass(3);
  (void)f.pass(3);
  EXPECT_TRUE(f.is_out(1));
  EXPECT_FALSE(f.is_out(3));
  EXPECT_FALSE(f.board.totals().panics);
}

TEST(HealthBoard, with_no_threshold_the_last_healthy_one_bears_all_but_nobody_is_not_heeded) {
  Fixture f(3, settings(2, 3, 0.0));
  f.make_unhealthy(1);
  f.make_unhealthy(2);
  EXPECT_TRUE(f.is_out(1));
  EXPECT_TRUE(f.is_out(2));
  f.make_unhealthy(3);
  for (unsigned i = 1; i <= 3; ++i) EXPECT_FALSE(f.is_out(i));
  EXPECT_TRUE(f.board.totals().panics);
}

TEST(HealthBoard, who_stays_keeps_what_is_known_and_who_comes_back_begins_anew) {
  Fixture f(4);
  f.make_unhealthy(1);
  f.make_unhealthy(2);
  f.board.adopt(std::vector{address(1), address(3), address(5), address(6)});
  EXPECT_TRUE(f.is_out(1));
  EXPECT_EQ(f.board.totals().unhealthy, 1u);
  f.board.adopt(addresses(4));
  EXPECT_TRUE(f.is_out(1));
  EXPECT_FALSE(f.is_out(2));
  EXPECT_EQ(f.board.totals().unchecked, 3u);
}

TEST(HealthBoard, a_check_of_one_that_has_left_says_nothing) {
  Fixture f(2);
  EXPECT_FALSE(f.fail(9).to);
  EXPECT_EQ(f.board.totals().failed, 0u);
  EXPECT_EQ(f.board.entries().size(), 2u);
}

TEST(HealthBoard, the_ledger_says_what_was_found) {
  Fixture f(3);
  (void)f.pass(1);
  f.make_unhealthy(2);
  (void)f.pass(2, kStart + 30s);
  const auto entries = f.board.entries();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].state, State::healthy);
  EXPECT_EQ(entries[1].state, State::unhealthy);
  EXPECT_TRUE(entries[1].is_left_out);
  EXPECT_EQ(entries[1].since, kStart);
  EXPECT_EQ(entries[1].checked, kStart + 30s);
  EXPECT_EQ(entries[1].next, kStart + 40s);
  EXPECT_TRUE(entries[1].last.passed);
  ASSERT_TRUE(entries[1].last_failure);
  EXPECT_EQ(entries[1].last_failure->text, "answered 503");
  EXPECT_EQ(entries[2].state, State::unchecked);
  const auto totals = f.board.totals();
  EXPECT_EQ(totals.passed, 2u);
  EXPECT_EQ(totals.failed, 3u);
  EXPECT_EQ(totals.became_unhealthy, 1u);
  EXPECT_EQ(totals.became_healthy, 0u);
}

}  // namespace
}  // namespace epaulet::resilience

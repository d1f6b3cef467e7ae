#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "balance/picker.h"

namespace epaulet::balance {
namespace {

std::string picks(Picker& picker, std::size_t count, int times) {
  std::string picks;
  for (int i = 0; i < times; ++i) picks += std::to_string(*picker.pick(count, {}));
  return picks;
}

TEST(RoundRobin, takes_one_after_the_other) {
  const auto picker = make_round_robin(0);
  EXPECT_EQ(picks(*picker, 3, 7), "0120120");
}

TEST(RoundRobin, begins_where_it_is_told) {
  EXPECT_EQ(picks(*make_round_robin(2), 3, 4), "2012");
  EXPECT_EQ(picks(*make_round_robin(7), 3, 4), "1201");
}

TEST(RoundRobin, picks_none_of_none) {
  const auto picker = make_round_robin(0);
  EXPECT_FALSE(picker->pick(0, {}));
  EXPECT_EQ(picks(*picker, 2, 2), "01");  // And its place is not lost.
}

TEST(RoundRobin, prefers_one_that_was_not_tried) {
  const auto picker = make_round_robin(0);
  const std::array<std::size_t, 2> tried{0, 1};
  EXPECT_EQ(picker->pick(3, tried), 2U);
  EXPECT_EQ(picker->pick(3, tried), 2U);
  EXPECT_EQ(picker->pick(3, tried), 2U);
  const std::array<std::size_t, 1> last{2};
  EXPECT_EQ(picker->pick(3, last), 0U);
  EXPECT_EQ(picker->pick(3, last), 1U);
  EXPECT_EQ(picker->pick(3, last), 0U);  // 2 was next: goes round.
}

TEST(RoundRobin, takes_a_tried_one_again_when_all_were_tried) {
  const auto picker = make_round_robin(1);
  const std::array<std::size_t, 2> tried{1, 0};
  EXPECT_EQ(picker->pick(2, tried), 1U);
  EXPECT_EQ(picker->pick(2, tried), 0U);
  EXPECT_EQ(picker->pick(1, tried), 0U);
}

TEST(RoundRobin, stays_in_range_when_endpoints_come_and_go) {
  const auto picker = make_round_robin(0);
  const std::array<std::size_t, 1> gone{9};  // Tried before the list grew shorter.
  for (const std::size_t count : {5U, 2U, 7U, 1U, 3U, 3U}) {
    const auto pick = picker->pick(count, gone);
    ASSERT_TRUE(pick);
    EXPECT_LT(*pick, count);
  }
}

TEST(RoundRobin, gives_everyone_the_same_share) {
  const auto picker = make_round_robin(12345);
  std::vector<int> shares(7);
  for (int i = 0; i < 700; ++i) ++shares[*picker->pick(7, {})];
  EXPECT_EQ(shares, std::vector<int>(7, 100));
}

TEST(RoundRobin, does_not_stumble_at_the_end_of_its_counter) {
  const auto picker = make_round_robin(UINT64_MAX);
  for (int i = 0; i < 4; ++i) EXPECT_LT(*picker->pick(3, {}), 3U);
}

}  // namespace
}  // namespace epaulet::balance

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "balance/picker.h"

namespace epaulet::balance {
namespace {

using Weights = std::vector<std::uint32_t>;

std::string picks(Picker& picker, std::size_t count, int times) {
  std::string picks;
  for (int i = 0; i < times; ++i) picks += std::to_string(*picker.pick(count, {}));
  return picks;
}

TEST(Weighted, picks_in_proportion_and_spreads_the_heavy_ones) {
  EXPECT_EQ(picks(*make_weighted(Weights{5, 1, 1}, 0), 3, 14), "00102000010200");
}

TEST(Weighted, begins_where_it_is_told) {
  EXPECT_EQ(picks(*make_weighted(Weights{5, 1, 1}, 2), 3, 5), "10200");
  EXPECT_EQ(picks(*make_weighted(Weights{5, 1, 1}, 5), 3, 5), "10200");
}

TEST(Weighted, the_largest_weights_do_not_overflow) {
  const auto picker = make_weighted(Weights{4294967295U, 4294967295U, 1}, 0);
  std::map<std::size_t, int> counts;
  for (int i = 0; i < 1000; ++i) ++counts[*picker->pick(3, {})];
  EXPECT_EQ(counts[0], 500);
  EXPECT_EQ(counts[1], 500);
}

TEST(Weighted, picks_none_of_none) {
  EXPECT_FALSE(make_weighted(Weights{}, 7)->pick(0, {}));
}

TEST(Weighted, prefers_one_that_was_not_tried_and_takes_again_what_was_rather_than_none) {
  const auto picker = make_weighted(Weights{100, 1, 1}, 0);
  const std::array<std::size_t, 1> heavy{0};
  for (int i = 0; i < 4; ++i) EXPECT_NE(picker->pick(3, heavy), 0U);
  const std::array<std::size_t, 3> all{0, 1, 2};
  EXPECT_EQ(picker->pick(3, all), 0U);
}

}  // namespace
}  // namespace epaulet::balance

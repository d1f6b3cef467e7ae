#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "balance/picker.h"
#include "balance/weighted_draw.h"

namespace epaulet::balance {
namespace {

using Weights = std::vector<std::uint32_t>;

TEST(Random, shares_follow_weights_however_many_and_uneven) {
  Random random(1);
  for (const auto& weights :
       {Weights{1}, Weights{1, 1, 1}, Weights{1, 2, 3, 4}, Weights{1, 1000}, Weights{7, 7, 1, 7, 2},
        Weights{4294967295U, 4294967295U, 4294967295U, 1}}) {
    const auto picker = make_random(weights, random);
    constexpr int kPicks = 60'000;
    std::vector<int> counts(weights.size());
    for (int i = 0; i < kPicks; ++i) ++counts[*picker->pick(weights.size(), {})];
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (std::size_t i = 0; i < weights.size(); ++i)
      EXPECT_NEAR(counts[i], double{kPicks} * weights[i] / sum, kPicks / 100) << i;
  }
}

TEST(Random, those_to_be_avoided_are_asked_only_where_no_other_is_left) {
  Random random(1);
  const auto picker = make_random(Weights{1, 1, 50}, random);
  const std::vector<std::size_t> heavy{2};
  for (int i = 0; i < 1000; ++i) EXPECT_NE(picker->pick(3, heavy), 2U);
  const std::vector<std::size_t> all{0, 1, 2};
  EXPECT_TRUE(picker->pick(3, all));
  EXPECT_FALSE(make_random({}, random)->pick(0, {}));
}

TEST(Random, the_second_of_two_draws_is_another) {
  Random random(1);
  for (const auto& weights : {Weights{1, 1}, Weights{1, 100'000'000}, Weights{1, 2, 3}}) {
    const WeightedDraw draw(weights);
    for (int i = 0; i < 1000; ++i) {
      const auto first = draw.draw(random);
      EXPECT_NE(draw.draw_second(first, {}, random), first);
    }
  }
  const WeightedDraw two(Weights{1, 1});
  const std::vector<std::size_t> other{1};
  EXPECT_EQ(two.draw_second(0, other, random), 0U);
}

}  // namespace
}  // namespace epaulet::balance

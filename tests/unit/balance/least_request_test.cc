#include <gtest/gtest.h>

#include <vector>

#include "balance/picker.h"

namespace epaulet::balance {
namespace {

using Weights = std::vector<std::uint32_t>;

class LeastRequestTest : public testing::Test {
 protected:
  void make(const Weights& weights) {
    loads_.clear();
    for (std::size_t i = 0; i < weights.size(); ++i) loads_.emplace_back(new Load({}));
    picker_ = make_least_request({{}, weights, loads_}, {}, random_);
  }
  void put(std::size_t index, int requests) {
    for (int i = 0; i < requests; ++i) loads_[index]->begin(Flight::request, {});
  }
  std::vector<int> picks(int times) {
    std::vector<int> counts(loads_.size());
    for (int i = 0; i < times; ++i) ++counts[*picker_->pick(loads_.size(), {})];
    return counts;
  }

  Random random_{1};
  std::vector<LoadPtr> loads_;
  std::unique_ptr<Picker> picker_;
};

TEST_F(LeastRequestTest, of_two_it_takes_who_has_less_under_way) {
  make({1, 1});
  put(0, 3);
  put(1, 2);
  EXPECT_EQ(picks(100), (std::vector<int>{0, 100}));
  put(1, 2);
  EXPECT_EQ(picks(100), (std::vector<int>{100, 0}));
}

TEST_F(LeastRequestTest, of_many_never_the_busiest_and_the_idlest_most) {
  make({1, 1, 1, 1});
  for (std::size_t i = 0; i < 4; ++i) put(i, static_cast<int>(i));
  const auto counts = picks(6000);
  // The naive oracle: each pair is as likely, and its better one is taken.
  EXPECT_NEAR(counts[0], 3000, 150);
  EXPECT_NEAR(counts[1], 2000, 150);
  EXPECT_NEAR(counts[2], 1000, 150);
  EXPECT_EQ(counts[3], 0);
}

TEST_F(LeastRequestTest, idle_endpoints_are_asked_by_weight) {
  make({1, 3});
  const auto counts = picks(8000);
  EXPECT_NEAR(counts[0], 2000, 150);
  EXPECT_NEAR(counts[1], 6000, 150);
}

TEST_F(LeastRequestTest, a_heavy_endpoint_may_have_more_under_way) {
  make({1, 3});
  put(0, 1);
  put(1, 2);
  EXPECT_EQ(picks(100), (std::vector<int>{0, 100}));
  put(1, 2);
  EXPECT_EQ(picks(100), (std::vector<int>{100, 0}));
}

TEST_F(LeastRequestTest, of_none_there_is_nothing_to_pick) {
  make({});
  EXPECT_FALSE(picker_->pick(0, {}));
}

}  // namespace
}  // namespace epaulet::balance

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "balance/picker.h"

namespace epaulet::balance {
namespace {

using Names = std::vector<std::string>;
using Weights = std::vector<std::uint32_t>;
using Make = std::unique_ptr<Picker> (*)(Members, std::unique_ptr<Picker>);

constexpr int kKeys = 20'000;

std::uint64_t key(int number) {
  return session_hash("session " + std::to_string(number));
}

Names names(int count) {
  Names all;
  for (int i = 1; i <= count; ++i) all.push_back("10.0.0." + std::to_string(i) + ":8080");
  return all;
}

std::unique_ptr<Picker> picker_of(Make make, const Names& endpoints, Weights weights = {}) {
  std::vector<std::uint64_t> hashes;
  for (const auto& name : endpoints) hashes.push_back(session_hash(name));
  if (weights.empty()) weights.assign(endpoints.size(), 1);
  const std::vector<LoadPtr> loads(endpoints.size());
  return make({hashes, weights, loads}, make_round_robin(0));
}

/// Where each key goes, by name.
Names placed(Make make, const Names& endpoints, const Weights& weights = {},
             const std::vector<std::size_t>& avoided = {}) {
  const auto picker = picker_of(make, endpoints, weights);
  Names all;
  for (int i = 0; i < kKeys; ++i)
    all.push_back(endpoints[*picker->pick(endpoints.size(), avoided, key(i))]);
  return all;
}

class KeyedBalancers : public testing::TestWithParam<Make> {
 protected:
  [[nodiscard]] bool is_maglev() const { return GetParam() == make_maglev; }
};

TEST_P(KeyedBalancers, a_key_stays_with_every_picker_whatever_the_order_of_the_endpoints) {
  const auto four = names(4);
  const Names reversed(four.rbegin(), four.rend());
  EXPECT_EQ(placed(GetParam(), four), placed(GetParam(), four));
  EXPECT_EQ(placed(GetParam(), four), placed(GetParam(), reversed));
}

TEST_P(KeyedBalancers, keys_are_spread_evenly) {
  std::map<std::string, int> counts;
  const auto endpoints = names(8);
  for (const auto& name : placed(GetParam(), endpoints)) ++counts[name];
  // A ring is even to a tenth or so; a table to a slot, but for the luck of the keys.
  const int off = is_maglev() ? kKeys / 8 / 12 : kKeys / 8 / 3;
  for (const auto& name : endpoints) EXPECT_NEAR(counts[name], kKeys / 8, off) << name;
}

TEST_P(KeyedBalancers, keys_are_spread_by_weight) {
  std::map<std::string, int> counts;
  const auto endpoints = names(3);
  for (const auto& name : placed(GetParam(), endpoints, {1, 2, 5})) ++counts[name];
  const int off = is_maglev() ? kKeys / 50 : kKeys / 12;
  EXPECT_NEAR(counts[endpoints[0]], kKeys / 8, off);
  EXPECT_NEAR(counts[endpoints[1]], kKeys / 4, off);
  EXPECT_NEAR(counts[endpoints[2]], kKeys * 5 / 8, off);
}

/// The naive oracle of churn: who leaves gives up its own keys, and nobody else's move. Maglev's
/// table moves a few more: at most so many percent.
TEST_P(KeyedBalancers, an_endpoint_that_leaves_or_comes_moves_little_more_than_its_own_keys) {
  auto endpoints = names(10);
  const auto before = placed(GetParam(), endpoints);
  const std::string gone = endpoints[4];
  endpoints.erase(endpoints.begin() + 4);
  const auto after = placed(GetParam(), endpoints);
  int moved = 0;
  int own = 0;
  for (int i = 0; i < kKeys; ++i) {
    const auto at = static_cast<std::size_t>(i);
    own += before[at] == gone;
    moved += before[at] != gone && before[at] != after[at];
  }
  EXPECT_GT(own, 0);
  EXPECT_LE(moved, is_maglev() ? kKeys * 4 / 100 : 0);
}

TEST_P(KeyedBalancers, who_is_avoided_is_stood_in_for_by_the_same_ones_and_others_keep_theirs) {
  const auto endpoints = names(5);
  const auto before = placed(GetParam(), endpoints);
  const auto without = placed(GetParam(), endpoints, {}, {2});
  EXPECT_EQ(without, placed(GetParam(), endpoints, {}, {2}));
  std::map<std::string, int> stand_ins;
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_NE(without[i], endpoints[2]);
    if (before[i] != endpoints[2]) {
      EXPECT_EQ(without[i], before[i]);
    } else {
      ++stand_ins[without[i]];
    }
  }
  EXPECT_EQ(stand_ins.size(), 4U);  // Not all of them to one.
}

TEST_P(KeyedBalancers, where_all_are_avoided_its_own_endpoint_is_better_than_none) {
  const auto endpoints = names(5);
  EXPECT_EQ(placed(GetParam(), endpoints, {}, {0, 1, 2, 3, 4}), placed(GetParam(), endpoints));
}

TEST_P(KeyedBalancers, what_has_no_key_goes_to_one_after_the_other) {
  const auto picker = picker_of(GetParam(), names(4));
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(picker->pick(4, {}), i % 4);
}

TEST_P(KeyedBalancers, of_none_there_is_nothing_to_pick_and_many_are_no_trouble) {
  EXPECT_FALSE(picker_of(GetParam(), {})->pick(0, {}, key(1)));
  const auto many = names(1024);
  std::map<std::string, int> counts;
  for (const auto& name : placed(GetParam(), many)) ++counts[name];
  EXPECT_GT(counts.size(), 1000U);
}

/// Sidecars of several versions beside the replicas of one caller must agree: this may not change.
TEST_P(KeyedBalancers, where_keys_go_is_for_ever) {
  const auto picker = picker_of(GetParam(), names(4));
  std::string picks;
  for (int i = 0; i < 16; ++i) picks += std::to_string(*picker->pick(4, {}, key(i)));
  EXPECT_EQ(picks, is_maglev() ? "2222332003121100" : "2030121301300303");
}

/// Processor time of this process, the least of three.
std::clock_t cost_of(const Names& endpoints, const Weights& weights) {
  std::clock_t least = 0;
  for (int i = 0; i < 3; ++i) {
    const auto before = std::clock();
    (void)picker_of(make_maglev, endpoints, weights);
    const auto took = std::clock() - before;
    least = i == 0 ? took : std::min(least, took);
  }
  return least;
}

TEST(Maglev, one_weight_above_all_others_is_as_little_work_as_even_ones) {
  const auto many = names(1024);
  const Weights even(many.size(), 1);
  auto weights = even;
  weights[7] = 65'535;
  EXPECT_LT(cost_of(many, weights), 5 * cost_of(many, even));
  std::map<std::string, int> counts;
  for (const auto& name : placed(make_maglev, many, weights)) ++counts[name];
  EXPECT_NEAR(counts[many[7]], kKeys * 65'535LL / (65'535 + 1023), kKeys / 200);
  EXPECT_GT(counts.size(), 200U);  // The rest is spread over the others.
}

TEST(Maglev, shares_are_those_of_the_weights_whatever_they_are) {
  for (const auto& weights : {Weights{1, 10}, Weights{999, 1000, 1}, Weights{7, 7, 7, 1, 90},
                              Weights{UINT32_MAX, UINT32_MAX, UINT32_MAX / 2}}) {
    const auto endpoints = names(static_cast<int>(weights.size()));
    double sum = 0;
    for (const auto weight : weights) sum += weight;
    std::map<std::string, int> counts;
    for (const auto& name : placed(make_maglev, endpoints, weights)) ++counts[name];
    for (std::size_t i = 0; i < weights.size(); ++i)
      EXPECT_NEAR(counts[endpoints[i]], 1.0 * kKeys * weights[i] / sum, kKeys / 100) << weights[i];
  }
}

INSTANTIATE_TEST_SUITE_P(All, KeyedBalancers, testing::Values(make_ring_hash, make_maglev),
                         [](const auto& made) {
                           return made.param == make_maglev ? "maglev" : "ring_hash";
                         });

}  // namespace
}  // namespace epaulet::balance

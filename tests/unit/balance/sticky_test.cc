#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "balance/picker.h"

namespace epaulet::balance {
namespace {

using Names = std::vector<std::string>;
using Weights = std::vector<std::uint32_t>;

constexpr int kKeys = 20'000;

std::uint64_t key(int number) {
  return session_hash("session " + std::to_string(number));
}

std::unique_ptr<Picker> sticky(const Names& names, const Weights& weights) {
  std::vector<std::uint64_t> endpoints;
  for (const auto& name : names) endpoints.push_back(session_hash(name));
  return make_sticky(endpoints, weights, make_round_robin(0));
}
std::unique_ptr<Picker> sticky(const Names& names) {
  return sticky(names, Weights(names.size(), 1));
}

/// Where each key goes, by name.
Names placed(const Names& names, const Weights& weights) {
  const auto picker = sticky(names, weights);
  Names all;
  for (int i = 0; i < kKeys; ++i) all.push_back(names[*picker->pick(names.size(), {}, key(i))]);
  return all;
}
Names placed(const Names& names) {
  return placed(names, Weights(names.size(), 1));
}

const Names kFour{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"};

TEST(Sticky, a_key_stays_with_every_picker_whatever_the_order_of_the_endpoints) {
  const Names reversed(kFour.rbegin(), kFour.rend());
  EXPECT_EQ(placed(kFour), placed(kFour));
  EXPECT_EQ(placed(kFour), placed(reversed));
}

TEST(Sticky, keys_are_spread_evenly) {
  std::map<std::string, int> counts;
  for (const auto& name : placed(kFour)) ++counts[name];
  for (const auto& name : kFour) EXPECT_NEAR(counts[name], kKeys / 4, kKeys / 50) << name;
}

TEST(Sticky, keys_are_spread_by_weight) {
  std::map<std::string, int> counts;
  for (const auto& name : placed(kFour, {1, 2, 3, 4})) ++counts[name];
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(counts[kFour[static_cast<std::size_t>(i)]], kKeys * (i + 1) / 10, kKeys / 50);
  }
}

TEST(Sticky, only_the_keys_of_an_endpoint_that_leaves_move_and_they_spread) {
  const auto before = placed(kFour);
  const auto after = placed({kFour[0], kFour[1], kFour[3]});
  std::map<std::string, int> heirs;
  for (std::size_t i = 0; i < kKeys; ++i) {
    if (before[i] == kFour[2]) {
      ++heirs[after[i]];
    } else {
      EXPECT_EQ(before[i], after[i]);
    }
  }
  for (const auto& [name, count] : heirs) EXPECT_NEAR(count, kKeys / 12, kKeys / 50) << name;
  EXPECT_EQ(heirs.size(), 3U);
}

TEST(Sticky, an_endpoint_that_comes_takes_its_share_and_no_other_key_moves) {
  Names five = kFour;
  five.insert(five.begin(), "10.0.0.0:80");
  const auto before = placed(kFour);
  const auto after = placed(five);
  int moved = 0;
  for (std::size_t i = 0; i < kKeys; ++i) {
    if (before[i] == after[i]) continue;
    EXPECT_EQ(after[i], five[0]);
    ++moved;
  }
  EXPECT_NEAR(moved, kKeys / 5, kKeys / 50);
}

TEST(Sticky, a_weight_that_grows_takes_keys_and_gives_none) {
  const auto before = placed(kFour, {1, 1, 1, 1});
  const auto after = placed(kFour, {1, 1, 1, 3});
  for (std::size_t i = 0; i < kKeys; ++i) {
    if (before[i] != after[i]) {
      EXPECT_EQ(after[i], kFour[3]);
    }
  }
}

TEST(Sticky, a_retry_goes_elsewhere_always_to_the_same_and_again_to_the_first_rather_than_nowhere) {
  const auto picker = sticky(kFour);
  std::vector<std::size_t> tried;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto picked = *picker->pick(4, tried, key(7));
    EXPECT_EQ(picker->pick(4, tried, key(7)), picked);
    tried.push_back(picked);
  }
  EXPECT_EQ(std::set<std::size_t>(tried.begin(), tried.end()).size(), 4U);
  EXPECT_EQ(picker->pick(4, tried, key(7)), tried.front());
}

TEST(Sticky, what_has_no_key_goes_round) {
  const auto picker = sticky(kFour);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(picker->pick(4, {}), i % 4);
}

TEST(Sticky, picks_none_of_none) {
  EXPECT_FALSE(sticky({})->pick(0, {}, key(1)));
  EXPECT_FALSE(sticky({})->pick(0, {}));
}

TEST(Sticky, sidecars_of_any_version_agree_where_a_key_goes) {
  EXPECT_EQ(session_hash(""), 17665956581633026203ULL);
  std::string picks;
  const auto picker = sticky(kFour, {1, 2, 3, 4});
  for (int i = 0; i < 16; ++i) picks += std::to_string(*picker->pick(4, {}, key(i)));
  EXPECT_EQ(picks, "3311213033010323");
}

}  // namespace
}  // namespace epaulet::balance

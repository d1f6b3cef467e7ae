#include <gtest/gtest.h>

#include <array>
#include <map>
#include <numeric>
#include <vector>

#include "balance/picker.h"

namespace epaulet::balance {
namespace {

using Indexes = std::vector<std::size_t>;

std::unique_ptr<Picker> turns(Members members) {
  return make_weighted(members.weights, 0);
}

/// The first `own` of `all` are in our zone; all weigh the same.
std::unique_ptr<Picker> first_of(std::size_t own, std::size_t all, double factor = 1.4) {
  const std::vector<std::uint32_t> weights(all, 1);
  std::vector<bool> is_own(all, false);
  std::fill_n(is_own.begin(), own, true);
  return make_own_zone_first({{}, weights, {}}, is_own, factor, turns, 0.5);
}

std::map<std::size_t, int> picks(Picker& picker, std::size_t count, const Indexes& avoided,
                                 int times) {
  std::map<std::size_t, int> counts;
  for (int i = 0; i < times; ++i) ++counts[*picker.pick(count, avoided)];
  return counts;
}

using Counts = std::map<std::size_t, int>;

TEST(OwnZoneShare, is_all_until_five_of_seven_are_well_then_falls_with_them) {
  EXPECT_EQ(own_zone_share(1, 1, 1.4), 1);
  EXPECT_EQ(own_zone_share(5.0 / 7, 1, 1.4), 1);
  EXPECT_DOUBLE_EQ(own_zone_share(0.5, 1, 1.4), 0.7);
  EXPECT_DOUBLE_EQ(own_zone_share(0.25, 1, 1.4), 0.35);
  EXPECT_EQ(own_zone_share(0, 1, 1.4), 0);
}

TEST(OwnZoneShare, goes_by_what_both_could_take_if_that_is_not_enough) {
  // 0.7 and 0.14 of what there is: nothing is left over for nobody.
  EXPECT_DOUBLE_EQ(own_zone_share(0.5, 0.1, 1.4), 0.7 / 0.84);
  EXPECT_EQ(own_zone_share(0.5, 0, 1.4), 1);
  EXPECT_EQ(own_zone_share(0.1, 0, 1.4), 1);
  EXPECT_DOUBLE_EQ(own_zone_share(0.1, 0.1, 1.4), 0.5);
  EXPECT_EQ(own_zone_share(0, 0.1, 1.4), 0);
}

TEST(OwnZoneShare, of_a_factor_of_one_is_exactly_what_is_well) {
  EXPECT_DOUBLE_EQ(own_zone_share(0.75, 1, 1), 0.75);
}

TEST(OwnZoneFirst, nothing_leaves_the_zone_while_enough_are_well) {
  const auto picker = first_of(3, 7);
  EXPECT_EQ(picks(*picker, 7, {}, 300), (Counts{{0, 100}, {1, 100}, {2, 100}}));
  // 1.4 x 3/4 is more than all.
  const auto four = first_of(4, 6);
  EXPECT_EQ(picks(*four, 6, {0}, 300), (Counts{{1, 100}, {2, 100}, {3, 100}}));
}

TEST(OwnZoneFirst, what_spills_over_is_divided_among_the_others) {
  // Of four one is left: 1.4 x 1/4 = 35 %.
  const auto picker = first_of(4, 6);
  EXPECT_EQ(picks(*picker, 6, {0, 1, 2}, 1000), (Counts{{3, 350}, {4, 325}, {5, 325}}));
}

TEST(OwnZoneFirst, in_a_row_each_zone_gets_its_share_too) {
  const auto picker = first_of(2, 4);  // One is left: 70 %.
  for (int round = 0; round < 20; ++round) EXPECT_EQ(picks(*picker, 4, {0}, 10)[1], 7);
}

TEST(OwnZoneFirst, one_after_another_dies_and_comes_back) {
  const auto picker = first_of(3, 6);
  Indexes dead;
  std::vector<int> own_of_1000;
  for (std::size_t next = 0; next <= 3; ++next) {
    auto counts = picks(*picker, 6, dead, 1000);
    own_of_1000.push_back(counts[0] + counts[1] + counts[2]);
    for (const auto index : dead) EXPECT_EQ(counts[index], 0);
    dead.push_back(next);
  }
  EXPECT_EQ(own_of_1000[0], 1000);
  EXPECT_NEAR(own_of_1000[1], 933, 1);  // 1.4 x 2/3
  EXPECT_NEAR(own_of_1000[2], 467, 1);  // 1.4 x 1/3
  EXPECT_EQ(own_of_1000[3], 0);
  auto counts = picks(*picker, 6, {}, 30);
  EXPECT_EQ(counts[0] + counts[1] + counts[2], 30);
}

TEST(OwnZoneFirst, if_all_others_are_out_the_own_zone_has_everything) {
  const auto picker = first_of(3, 5);
  EXPECT_EQ(picks(*picker, 5, {0, 1, 3, 4}, 50), (Counts{{2, 50}}));
}

TEST(OwnZoneFirst, better_one_that_is_avoided_than_none) {
  const auto picker = first_of(1, 4);
  const auto counts = picks(*picker, 4, {0, 1, 2, 3}, 400);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0,
                            [](int sum, const auto& one) { return sum + one.second; }),
            400);
  EXPECT_EQ(counts.at(0), 100);
  EXPECT_FALSE(make_own_zone_first({}, {}, 1.4, turns, 0)->pick(0, {}));
}

TEST(OwnZoneFirst, who_is_named_twice_counts_once) {
  const auto picker = first_of(2, 4);
  EXPECT_EQ(picks(*picker, 4, {0, 0, 0}, 100)[1], 70);
}

TEST(OwnZoneFirst, weights_say_what_is_left_of_a_zone) {
  const std::array<std::uint32_t, 4> weights{1, 3, 1, 1};
  const auto make = [&] {
    return make_own_zone_first({{}, weights, {}}, {true, true, false, false}, 1.4, turns, 0.5);
  };
  // Three quarters are left, and that is enough.
  EXPECT_EQ(picks(*make(), 4, {0}, 100), (Counts{{1, 100}}));
  // A quarter is left.
  EXPECT_EQ(picks(*make(), 4, {1}, 1000), (Counts{{0, 350}, {2, 325}, {3, 325}}));
  EXPECT_EQ(picks(*make(), 4, {}, 400), (Counts{{0, 100}, {1, 300}}));
}

TEST(OwnZoneFirst, whoever_begins_elsewhere_gets_the_same_share) {
  const std::vector<std::uint32_t> weights(4, 1);
  for (const double start : {0.0, 0.3, 0.999}) {
    const auto picker =
        make_own_zone_first({{}, weights, {}}, {true, true, false, false}, 1.4, turns, start);
    EXPECT_NEAR(picks(*picker, 4, {0}, 1000)[1], 700, 1);
  }
}

TEST(OwnZoneFirst, each_zone_is_balanced_by_what_is_known_of_its_own_loads) {
  Random random{7};
  const std::vector<std::uint32_t> weights(5, 1);
  std::vector<LoadPtr> loads;
  for (int i = 0; i < 5; ++i) loads.emplace_back(new Load({}));
  const auto picker = make_own_zone_first(
      {{}, weights, loads}, {false, true, false, true, true}, 1.4,
      [&](Members part) { return make_least_request(part, {}, random); }, 0);
  // Of our own, 1 and 3 are busy.
  std::vector<InFlight> busy;
  for (const std::size_t index : {1, 3})
    for (int i = 0; i < 3; ++i) busy.emplace_back(loads[index], Flight::request, TimePoint{});
  const auto counts = picks(*picker, 5, {}, 300);
  EXPECT_GT(counts.at(4), 150);
  EXPECT_EQ(counts.count(0) + counts.count(2), 0u);
}

}  // namespace
}  // namespace epaulet::balance

#include "runtime/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace epaulet {
namespace {

TEST(Random, is_xoshiro256_starstar_seeded_by_splitmix64) {
  // The values that other implementations of the pair give for seed 0.
  Random random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4U);
  EXPECT_EQ(random.next(), 0xbf6e1f784956452aU);
  EXPECT_EQ(random.next(), 0x1a5f849d4933e6e0U);
  EXPECT_EQ(random.next(), 0x6aa594f1262d2d2cU);
}

TEST(Random, the_same_seed_gives_the_same_numbers_and_another_seed_others) {
  Random one(42);
  Random same(42);
  Random other(43);
  int equal = 0;
  for (int i = 0; i < 100; ++i) {
    const auto number = one.next();
    EXPECT_EQ(same.next(), number);
    equal += other.next() == number ? 1 : 0;
  }
  EXPECT_EQ(equal, 0);
}

TEST(Random, stays_below_the_bound_and_reaches_every_value) {
  Random random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto number = random.below(7);
    ASSERT_LT(number, 7U);
    seen.insert(number);
  }
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(random.below(1), 0U);
  EXPECT_EQ(random.below(0), 0U);
}

TEST(Random, prefers_no_value_under_a_bound_that_does_not_divide_the_range) {
  // A remainder alone would give the lower third with probability 1/2.
  constexpr std::uint64_t kThird = std::uint64_t{1} << 62;
  Random random(1);
  int lower = 0;
  for (int i = 0; i < 30'000; ++i) lower += random.below(3 * kThird) < kThird ? 1 : 0;
  EXPECT_NEAR(lower, 10'000, 500);  // Six times the standard deviation.
}

TEST(Random, unit_lies_from_zero_to_below_one_evenly) {
  Random random(1);
  std::array<int, 10> tenths{};
  for (int i = 0; i < 10'000; ++i) {
    const double number = random.unit();
    ASSERT_GE(number, 0.0);
    ASSERT_LT(number, 1.0);
    ++tenths[static_cast<std::size_t>(number * 10)];
  }
  for (const int count : tenths) EXPECT_NEAR(count, 1000, 180);
}

TEST(Random, fills_exactly_the_bytes_asked_for) {
  for (std::size_t size = 0; size <= 20; ++size) {
    SCOPED_TRACE(size);
    Random random(9);
    std::array<std::byte, 22> bytes{};
    random.fill(std::span(bytes).subspan(1, size));
    EXPECT_EQ(bytes[0], std::byte{0});
    EXPECT_EQ(bytes[size + 1], std::byte{0});
    Random same(9);
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) {
      if (i % 8 == 0) word = same.next();
      EXPECT_EQ(bytes[i + 1], static_cast<std::byte>(word >> (8 * (i % 8))));
    }
  }
}

TEST(Random, the_kernel_seeds_each_one_anew) {
  auto one = Random::from_kernel();
  auto other = Random::from_kernel();
  EXPECT_NE(one.next(), other.next());
}

}  // namespace
}  // namespace epaulet

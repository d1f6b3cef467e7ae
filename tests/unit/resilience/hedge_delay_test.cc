#include "resilience/hedge_delay.h"

#include <gtest/gtest.h>

#include "runtime/random.h"

namespace epaulet::resilience {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const TimePoint kBegin{seconds(1000)};

HedgeSettings settings(double quantile = 0.95) {
  HedgeSettings made;
  made.quantile = quantile;
  return made;
}

TEST(HedgeDelay, little_evidence_hedges_nothing) {
  HedgeDelay delay(settings());
  for (std::uint32_t i = 0; i + 1 < HedgeDelay::kSamplesMin; ++i)
    delay.observe(milliseconds(10), kBegin);
  EXPECT_FALSE(delay.delay());
  delay.observe(milliseconds(10), kBegin);
  ASSERT_TRUE(delay.delay());
  EXPECT_NEAR(static_cast<double>(delay.delay()->count()), 10e6, 1.2e6);
}

TEST(HedgeDelay, it_is_the_quantile_of_what_was_seen) {
  Random random(3);
  for (const double quantile : {0.5, 0.9, 0.95, 0.99}) {
    HedgeDelay delay(settings(quantile));
    TimePoint now = kBegin;
    // Evenly between 0 and 100 ms.
    for (int i = 0; i < 20'000; ++i) {
      delay.observe(nanoseconds(static_cast<std::int64_t>(random.unit() * 100e6)), now);
      now += milliseconds(1);
    }
    ASSERT_TRUE(delay.delay());
    EXPECT_NEAR(static_cast<double>(delay.delay()->count()), quantile * 100e6, 5e6) << quantile;
  }
}

TEST(HedgeDelay, it_follows_a_route_that_gets_slower_within_seconds) {
  HedgeDelay delay(settings());
  TimePoint now = kBegin;
  for (int i = 0; i < 5000; ++i) delay.observe(milliseconds(10), now += milliseconds(2));
  const auto turned = now;
  while (*delay.delay() < milliseconds(90) && now < turned + seconds(60))
    delay.observe(milliseconds(100), now += milliseconds(2));
  EXPECT_LT(now - turned, seconds(3));
  const auto back = now;
  while (*delay.delay() > milliseconds(12) && now < back + seconds(60))
    delay.observe(milliseconds(10), now += milliseconds(2));
  EXPECT_LT(now - back, seconds(12));
}

TEST(HedgeDelay, it_keeps_to_its_bounds) {
  auto bounds = settings();
  bounds.min = milliseconds(5);
  bounds.max = milliseconds(50);
  HedgeDelay fast(bounds);
  HedgeDelay slow(bounds);
  for (std::uint32_t i = 0; i < HedgeDelay::kSamplesMin; ++i) {
    fast.observe(microseconds(100), kBegin);
    slow.observe(seconds(3), kBegin);
  }
  EXPECT_EQ(fast.delay(), milliseconds(5));
  EXPECT_EQ(slow.delay(), milliseconds(50));
}

}  // namespace
}  // namespace epaulet::resilience

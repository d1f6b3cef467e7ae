#include "telemetry/slow_sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace epaulet::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(SlowSketch, calls_nothing_slow_that_takes_a_second_or_less) {
  SlowSketch sketch;
  EXPECT_FALSE(sketch.observe(milliseconds(0)));
  EXPECT_FALSE(sketch.observe(milliseconds(999)));
  EXPECT_FALSE(sketch.observe(seconds(1)));
}

TEST(SlowSketch, calls_slow_what_takes_longer_than_a_second_on_a_fast_route) {
  SlowSketch sketch;
  for (int i = 0; i < 1000; ++i) (void)sketch.observe(milliseconds(3));
  EXPECT_TRUE(sketch.observe(seconds(1) + nanoseconds(1)));
}

TEST(SlowSketch, does_not_wait_for_a_history) {
  SlowSketch sketch;
  EXPECT_TRUE(sketch.observe(seconds(2)));
}

TEST(SlowSketch, learns_what_is_usual_on_a_slow_route) {
  SlowSketch sketch;
  for (int i = 0; i < 200; ++i) (void)sketch.observe(seconds(5));
  EXPECT_FALSE(sketch.observe(milliseconds(4900)));
  EXPECT_TRUE(sketch.observe(seconds(6)));
}

TEST(SlowSketch, stays_within_an_eighth_of_the_true_p99) {
  std::mt19937_64 random(5);
  std::lognormal_distribution<double> draw(1.2, 0.8);  // Median 3.3 s.
  SlowSketch sketch;
  std::vector<double> all;
  for (int i = 0; i < 5000; ++i) {
    const double value = draw(random);
    all.push_back(value);
    (void)sketch.observe(nanoseconds(static_cast<std::int64_t>(value * 1e9)));
  }
  std::sort(all.begin(), all.end());
  const double p99 = all[all.size() * 99 / 100];
  const double threshold = std::chrono::duration<double>(sketch.threshold()).count();
  EXPECT_GE(threshold, p99 * 0.99);
  EXPECT_LE(threshold, p99 * 1.14);
}

TEST(SlowSketch, forgets_slow_days) {
  SlowSketch sketch;
  for (int i = 0; i < 4000; ++i) (void)sketch.observe(seconds(5));
  EXPECT_FALSE(sketch.observe(seconds(4)));
  for (std::uint32_t i = 0; i < 12 * SlowSketch::kWindow; ++i)
    (void)sketch.observe(milliseconds(5));
  EXPECT_TRUE(sketch.observe(seconds(4)));
}

TEST(SlowSketch, takes_what_lies_above_its_last_bucket) {
  SlowSketch sketch;
  for (int i = 0; i < 10; ++i) (void)sketch.observe(std::chrono::hours(10));
  EXPECT_GE(sketch.threshold(), std::chrono::minutes(20));
  EXPECT_TRUE(sketch.observe(std::chrono::hours(10)));
}

}  // namespace
}  // namespace epaulet::telemetry

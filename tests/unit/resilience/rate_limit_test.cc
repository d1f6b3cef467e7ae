#include "resilience/rate_limit.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>
#include <vector>

#include "runtime/random.h"

namespace epaulet::resilience {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

RateLimitSettings settings(std::uint32_t requests, Duration per,
                           std::optional<std::uint32_t> burst = {}) {
  RateLimitSettings made;
  made.requests = requests;
  made.per = per;
  made.burst = burst;
  return made;
}

RateLimitSettings keyed(std::uint32_t requests, Duration per, std::uint32_t keys) {
  auto made = settings(requests, per);
  made.by.emplace().principal = true;
  made.keys = keys;
  return made;
}

const TimePoint kBegin{seconds(1000)};

TEST(RateLimit, a_full_bucket_gives_its_burst_and_then_one_at_a_time) {
  RateLimit limit{RateLimit::Rules(settings(10, seconds(1), 3))};
  for (std::uint32_t left = 3; left > 0; --left) {
    const auto verdict = limit.take(0, kBegin);
    EXPECT_TRUE(verdict.allowed);
    EXPECT_EQ(verdict.limit, 3U);
    EXPECT_EQ(verdict.remaining, left - 1);
    EXPECT_EQ(verdict.full_in, milliseconds(100) * (4 - static_cast<int>(left)));
  }
  const auto refused = limit.take(0, kBegin);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0U);
  EXPECT_EQ(refused.retry_in, milliseconds(100));
  EXPECT_EQ(refused.full_in, milliseconds(300));
  EXPECT_FALSE(limit.take(0, kBegin + milliseconds(100) - Duration(1)).allowed);
  EXPECT_TRUE(limit.take(0, kBegin + milliseconds(100)).allowed);
  EXPECT_FALSE(limit.take(0, kBegin + milliseconds(100)).allowed);
  EXPECT_EQ(limit.totals().allowed, 4U);
  EXPECT_EQ(limit.totals().refused, 3U);
}

TEST(RateLimit, without_a_burst_it_is_as_deep_as_one_period) {
  RateLimit limit{RateLimit::Rules(settings(5, seconds(60)))};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limit.take(0, kBegin).allowed);
  EXPECT_EQ(limit.take(0, kBegin).retry_in, seconds(12));
}

/// The naive oracle: a bucket that is refilled with each step of time.
TEST(RateLimit, it_is_a_token_bucket) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const auto requests = static_cast<std::uint32_t>(1 + random.below(50));
    const auto burst = static_cast<std::uint32_t>(1 + random.below(20));
    const auto per = milliseconds(requests * (1 + static_cast<int>(random.below(100))));
    RateLimit limit{RateLimit::Rules(settings(requests, per, burst))};
    const std::int64_t each = per.count() * 1'000'000 / requests;
    std::int64_t tokens = burst * each;  // In nanoseconds of refilling.
    auto now = kBegin;
    for (int i = 0; i < 2000; ++i) {
      const auto step =
          static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(3 * each)));
      now += Duration(step);
      tokens = std::min(tokens + step, burst * each);
      const bool expected = tokens >= each;
      const auto verdict = limit.take(0, now);
      ASSERT_EQ(verdict.allowed, expected) << seed << " " << i;
      if (expected) {
        tokens -= each;
        ASSERT_EQ(verdict.remaining, tokens / each);
      } else {
        ASSERT_EQ(verdict.retry_in.count(), each - tokens);
      }
      ASSERT_EQ(verdict.full_in.count(), burst * each - tokens);
    }
  }
}

TEST(RateLimit, a_burst_that_takes_longer_than_anything_to_fill_is_cut_and_no_overflow) {
  const auto day = std::chrono::hours(24);
  RateLimit limit{RateLimit::Rules(settings(1, day, 1'000'000))};
  const auto cut = limit.take(0, kBegin).limit;
  EXPECT_EQ(cut, static_cast<std::uint32_t>(INT64_MAX / 2 / Duration(day).count()));
  for (std::uint32_t left = cut - 1; left > 0; --left) {
    const auto verdict = limit.take(0, kBegin);
    ASSERT_TRUE(verdict.allowed) << left;
    ASSERT_EQ(verdict.remaining, left - 1);
  }
  EXPECT_FALSE(limit.take(0, kBegin).allowed);
  EXPECT_EQ(limit.take(0, kBegin).retry_in, day);
  EXPECT_TRUE(limit.take(0, kBegin + day).allowed);
  // Nothing is cut of what fits.
  RateLimit whole{RateLimit::Rules(settings(1, day, 50'000))};
  EXPECT_EQ(whole.take(0, kBegin).remaining, 49'999U);
}

TEST(RateLimit, keys_have_buckets_of_their_own) {
  RateLimit limit{RateLimit::Rules(keyed(2, seconds(1), 100))};
  for (std::uint64_t key = 0; key < 50; ++key) {
    const auto spread = key * 0x9e3779b97f4a7c15ULL;
    EXPECT_TRUE(limit.take(spread, kBegin).allowed);
    EXPECT_TRUE(limit.take(spread, kBegin).allowed);
    EXPECT_FALSE(limit.take(spread, kBegin).allowed);
  }
}

TEST(RateLimit, a_crowd_of_keys_is_bounded_and_takes_the_fullest_buckets) {
  RateLimit limit{RateLimit::Rules(keyed(2, seconds(1), 8))};  // One set of eight.
  for (std::uint64_t key = 1; key <= 8; ++key) (void)limit.take(key, kBegin + milliseconds(key));
  (void)limit.take(1, kBegin + milliseconds(10));  // Now 2 is the fullest.
  EXPECT_EQ(limit.totals().evicted, 0U);
  (void)limit.take(9, kBegin + milliseconds(20));
  EXPECT_EQ(limit.totals().evicted, 1U);
  EXPECT_FALSE(limit.take(1, kBegin + milliseconds(30)).allowed);     // It is remembered.
  EXPECT_EQ(limit.take(2, kBegin + milliseconds(30)).remaining, 1U);  // It is not.
  // Once all are full again, making room loses nothing.
  const auto evicted = limit.totals().evicted;
  for (std::uint64_t key = 100; key < 108; ++key) (void)limit.take(key, kBegin + seconds(60));
  EXPECT_EQ(limit.totals().evicted, evicted);
}

TEST(RateLimit, what_is_given_back_can_be_taken_again) {
  for (const auto& made : {settings(1, seconds(1)), keyed(1, seconds(1), 100)}) {
    RateLimit limit{RateLimit::Rules(made)};
    EXPECT_TRUE(limit.take(7, kBegin).allowed);
    limit.give_back(7);
    EXPECT_EQ(limit.totals().allowed, 0U);
    EXPECT_TRUE(limit.take(7, kBegin).allowed);
    EXPECT_FALSE(limit.take(7, kBegin).allowed);
  }
}

TEST(RateLimit, workers_share_one_number) {
  RateLimit limit{RateLimit::Rules(settings(1000, seconds(1000)))};
  std::vector<std::thread> workers;
  std::atomic<int> allowed{0};
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) allowed += limit.take(0, kBegin).allowed ? 1 : 0;
    });
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(allowed, 1000);
}

}  // namespace
}  // namespace epaulet::resilience

#include "enroll/schedule.h"

#include <gtest/gtest.h>

namespace epaulet::enroll {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kSince{1'760'000'000s};

TEST(ScheduleTest, renews_between_half_and_seven_tenths_of_a_life) {
  EXPECT_EQ(renewal_time(kSince, kSince + 100h, 0), kSince + 50h);
  const auto latest = renewal_time(kSince, kSince + 100h, 0.999999);
  EXPECT_GT(latest, kSince + 69h);
  EXPECT_LE(latest, kSince + 70h);
}

TEST(ScheduleTest, backs_off_doubling_by_chance_and_bounded) {
  EXPECT_EQ(backoff(1, 60s, 0), 500ms);
  EXPECT_LE(backoff(1, 60s, 0.999), 1s);
  EXPECT_EQ(backoff(3, 60s, 0), 2s);
  for (const std::uint32_t failures : {7u, 30u, 4'000'000'000u}) {
    EXPECT_GE(backoff(failures, 60s, 0), 30s);
    EXPECT_LE(backoff(failures, 60s, 0.999), 60s);
  }
}

}  // namespace
}  // namespace epaulet::enroll

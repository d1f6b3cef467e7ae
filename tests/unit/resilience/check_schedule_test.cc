#include "resilience/check_schedule.h"

#include <gtest/gtest.h>

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000h};

TEST(CheckSchedule, each_has_its_turn_when_it_is_due) {
  CheckSchedule schedule(10);
  schedule.add(1, kStart + 2s);
  schedule.add(2, kStart + 1s);
  EXPECT_FALSE(schedule.begin(kStart));
  EXPECT_EQ(schedule.wake_at(), kStart + 1s);
  EXPECT_EQ(schedule.begin(kStart + 1s), 2u);
  EXPECT_FALSE(schedule.begin(kStart + 1s));
  EXPECT_EQ(schedule.wake_at(), kStart + 2s);
  schedule.ended(2, kStart + 11s);
  EXPECT_EQ(schedule.begin(kStart + 2s), 1u);
  EXPECT_EQ(schedule.wake_at(), kStart + 11s);
}

TEST(CheckSchedule, no_more_than_so_many_at_once_and_who_waits_goes_first) {
  CheckSchedule schedule(2);
  for (CheckSchedule::Id id = 1; id <= 4; ++id) schedule.add(id, kStart + id * 1ms);
  EXPECT_EQ(schedule.begin(kStart + 1s), 1u);
  EXPECT_EQ(schedule.begin(kStart + 1s), 2u);
  EXPECT_FALSE(schedule.begin(kStart + 1s));
  EXPECT_FALSE(schedule.wake_at());  // An end wakes it, not time.
  schedule.ended(1, kStart + 1s);
  EXPECT_EQ(schedule.begin(kStart + 1s), 3u);
  EXPECT_EQ(schedule.under_way(), 2u);
}

TEST(CheckSchedule, who_leaves_is_not_checked_again) {
  CheckSchedule schedule(1);
  schedule.add(1, kStart);
  schedule.add(2, kStart + 1s);
  EXPECT_EQ(schedule.begin(kStart), 1u);
  schedule.remove(1);
  schedule.remove(2);
  EXPECT_EQ(schedule.under_way(), 1u);  // It still takes its place.
  EXPECT_FALSE(schedule.begin(kStart + 5s));
  schedule.ended(1, kStart + 6s);
  EXPECT_EQ(schedule.size(), 0u);
  EXPECT_FALSE(schedule.begin(kStart + 10s));
  schedule.ended(7, kStart);  // Nobody.
  EXPECT_EQ(schedule.size(), 0u);
}

TEST(CheckSchedule, all_of_many_are_checked_about_once_an_interval) {
  Random random(7);
  CheckSchedule schedule(8);
  std::map<CheckSchedule::Id, int> begun;
  for (CheckSchedule::Id id = 1; id <= 100; ++id)
    schedule.add(id, kStart + pause_before_first(10s, false, random));
  for (auto now = kStart; now < kStart + 100s; now += 10ms) {
    while (const auto id = schedule.begin(now)) {
      ++begun[*id];
      schedule.ended(*id, now + pause_between_checks(10s, 0.1, random));
    }
  }
  ASSERT_EQ(begun.size(), 100u);
  for (const auto& [id, times] : begun) {
    EXPECT_GE(times, 9);
    EXPECT_LE(times, 12);
  }
}

TEST(CheckSchedule, pauses_differ_within_their_bounds) {
  Random random(3);
  std::chrono::nanoseconds least = 1h;
  std::chrono::nanoseconds most = 0s;
  for (int i = 0; i < 1000; ++i) {
    const auto pause = pause_between_checks(10s, 0.2, random);
    least = std::min(least, pause);
    most = std::max(most, pause);
  }
  EXPECT_GE(least, 8s);
  EXPECT_LT(least, 8500ms);
  EXPECT_LE(most, 12s);
  EXPECT_GT(most, 11500ms);
  EXPECT_EQ(pause_between_checks(10s, 0, random), 10s);
  EXPECT_GE(pause_between_checks(1ns, 1, random), 1ns);
}

TEST(CheckSchedule, the_first_check_is_soon_or_at_once_where_it_is_awaited) {
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_LT(pause_before_first(10s, false, random), 1s);
    EXPECT_LT(pause_before_first(100ms, false, random), 100ms);
    EXPECT_EQ(pause_before_first(10s, true, random), 0s);
  }
}

}  // namespace
}  // namespace epaulet::resilience

#include "jwks/fetch_schedule.h"

#include <gtest/gtest.h>

#include <tuple>

namespace epaulet::jwks {
namespace {

using namespace std::chrono_literals;
constexpr TimePoint kStart{1000h};

TEST(FetchScheduleTest, keys_are_fetched_at_once_and_again_when_they_have_aged) {
  FetchSchedule schedule(5min, kStart);
  EXPECT_EQ(schedule.next(), kStart);
  schedule.begin(kStart);
  schedule.succeed(kStart + 1s, std::nullopt, 0.999999);
  EXPECT_LE(schedule.next(), kStart + 1s + 5min);
  EXPECT_GE(schedule.next(), kStart + 1s + 299s);
  schedule.succeed(kStart + 1s, std::nullopt, 0);
  EXPECT_EQ(schedule.next(), kStart + 1s + 270s) << "a fleet spreads over a tenth";
}

TEST(FetchScheduleTest, the_server_may_shorten_that_but_not_below_a_minute) {
  const std::tuple<std::chrono::seconds, std::chrono::seconds> rows[] = {
      {60s, 60s}, {90s, 90s}, {3600s, 300s}, {0s, 60s}, {9s, 60s}, {300s, 300s}};
  for (const auto& [max_age, fresh] : rows) {
    FetchSchedule schedule(5min, kStart);
    schedule.succeed(kStart, max_age, 0);
    EXPECT_EQ(schedule.next(), kStart + fresh * 9 / 10) << max_age.count();
  }
}

TEST(FetchScheduleTest, a_server_that_forbids_to_keep_keys_makes_no_shorter_refresh_longer) {
  FetchSchedule schedule(20s, kStart);
  schedule.succeed(kStart, 0s, 0);
  EXPECT_EQ(schedule.next(), kStart + 18s);
}

TEST(FetchScheduleTest, a_server_that_forbids_to_keep_keys_is_asked_for_unknown_ones_as_soon) {
  FetchSchedule schedule(5min, kStart);
  schedule.begin(kStart);
  schedule.succeed(kStart, 0s, 0);
  schedule.demand(kStart + 1s);
  EXPECT_EQ(schedule.next(), kStart + 10s);
}

TEST(FetchScheduleTest, an_unknown_key_is_asked_for_at_once_and_then_once_in_a_while) {
  FetchSchedule schedule(1h, kStart);
  schedule.begin(kStart);
  schedule.succeed(kStart, std::nullopt, 0);
  schedule.demand(kStart + 30s);
  EXPECT_EQ(schedule.next(), kStart + 30s);
  schedule.begin(kStart + 30s);
  schedule.succeed(kStart + 30s, std::nullopt, 0);
  schedule.demand(kStart + 30s);
  EXPECT_EQ(schedule.next(), kStart + 40s);
  schedule.demand(kStart + 35s);
  EXPECT_EQ(schedule.next(), kStart + 40s) << "who asks again does not push it away";
}

TEST(FetchScheduleTest, a_storm_of_unknown_keys_is_six_fetches_a_minute) {
  FetchSchedule schedule(1h, kStart);
  int fetches = 0;
  for (auto now = kStart; now < kStart + 60s; now += 10ms) {
    schedule.demand(now);
    if (now < schedule.next()) continue;
    schedule.begin(now);
    schedule.succeed(now, std::nullopt, 0.5);
    ++fetches;
  }
  EXPECT_EQ(fetches, 6);
}

TEST(FetchScheduleTest, who_is_down_is_not_asked_more_often_because_many_ask) {
  FetchSchedule schedule(1h, kStart);
  int fetches = 0;
  for (auto now = kStart; now < kStart + 10min; now += 10ms) {
    schedule.demand(now);
    if (now < schedule.next()) continue;
    schedule.begin(now);
    schedule.fail(now, 0.999);
    EXPECT_TRUE(schedule.is_failing());
    ++fetches;
  }
  // 0, 1, 3, 7, 15, 31, 63 s, then each minute.
  EXPECT_LE(fetches, 17);
  EXPECT_GE(fetches, 15);
}

TEST(FetchScheduleTest, max_age_is_read_from_cache_control) {
  using Age = std::optional<std::chrono::seconds>;
  const std::tuple<std::string_view, Age> rows[] = {
      {"", std::nullopt},
      {"public", std::nullopt},
      {"max-age=60", 60s},
      {"public, max-age=60, must-revalidate", 60s},
      {"Public,MAX-AGE=60", 60s},
      {"max-age=\"60\"", 60s},
      {"max-age=60, max-age=30", 30s},
      {"max-age=", std::nullopt},
      {"max-age=-1", std::nullopt},
      {"max-age=6x", std::nullopt},
      {"max-age=99999999999999999999999999", std::chrono::seconds(365 * 24 * 3600)},
      {"no-store", 0s},
      {"max-age=60, no-cache", 0s},
      {"s-maxage=60", std::nullopt},
      {",,,", std::nullopt},
  };
  for (const auto& [text, age] : rows) EXPECT_EQ(max_age_in(text), age) << text;
}

}  // namespace
}  // namespace epaulet::jwks

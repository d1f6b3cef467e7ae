#include "server/look_pace.h"

#include <gtest/gtest.h>

namespace epaulet::server {
namespace {

using std::chrono::milliseconds;

void look(LookPace& pace, TimePoint begin, TimePoint end, bool is_finished) {
  pace.look_begins();
  pace.look_ended(begin, end, is_finished);
}

constexpr TimePoint kStart{std::chrono::hours(1)};

TEST(LookPace, looks_when_a_change_has_settled) {
  LookPace pace(kStart);
  pace.changed(kStart + milliseconds(300));
  pace.changed(kStart + milliseconds(320));
  EXPECT_EQ(pace.due(), kStart + milliseconds(320) + LookPace::kSettle);
}

TEST(LookPace, polls_where_nothing_is_told) {
  LookPace pace(kStart);
  EXPECT_EQ(pace.due(), kStart + LookPace::kPollEvery);
  look(pace, pace.due(), pace.due(), true);
  EXPECT_EQ(pace.due(), kStart + 2 * LookPace::kPollEvery);
}

TEST(LookPace, looks_although_the_changes_do_not_end) {
  LookPace pace(kStart);
  unsigned looks = 0;
  for (auto now = kStart; now < kStart + milliseconds(5000); now += milliseconds(1)) {
    if (now.time_since_epoch() % milliseconds(20) == milliseconds(0)) pace.changed(now);
    if (now < pace.due()) continue;
    look(pace, now, now, true);
    ++looks;
  }
  EXPECT_GE(looks, 8U);
  EXPECT_LE(looks, 10U);
}

TEST(LookPace, looks_again_soon_at_what_was_not_finished) {
  LookPace pace(kStart);
  pace.changed(kStart);
  look(pace, kStart, kStart, false);
  EXPECT_EQ(pace.due(), kStart + LookPace::kAgain);
  pace.changed(kStart + milliseconds(9));
  EXPECT_EQ(pace.due(), kStart + LookPace::kAgain);
}

TEST(LookPace, pauses_after_a_look_longer_after_a_long_one) {
  LookPace pace(kStart);
  look(pace, kStart, kStart + milliseconds(1), true);
  pace.changed(kStart + milliseconds(2));
  EXPECT_EQ(pace.due(), kStart + milliseconds(1) + LookPace::kPause);
  look(pace, kStart + milliseconds(200), kStart + milliseconds(500), true);
  pace.changed(kStart + milliseconds(510));
  EXPECT_EQ(pace.due(), kStart + milliseconds(500 + 4 * 300));
  look(pace, kStart + milliseconds(2000), kStart + milliseconds(2300), false);
  EXPECT_EQ(pace.due(), kStart + milliseconds(2300 + 4 * 300));
}

TEST(LookPace, does_not_miss_what_changes_during_a_look) {
  LookPace pace(kStart);
  pace.changed(kStart);
  pace.look_begins();
  pace.changed(kStart + milliseconds(40));
  pace.look_ended(kStart + milliseconds(30), kStart + milliseconds(41), true);
  EXPECT_LT(pace.due(), kStart + milliseconds(200));
}

}  // namespace
}  // namespace epaulet::server

#include "resilience/last_good.h"

#include <gtest/gtest.h>

namespace epaulet::resilience {
namespace {

using std::chrono::seconds;

const TimePoint kNow{seconds(1000)};

LastGood::Response response(std::string body, seconds lasts = seconds(10)) {
  LastGood::Response made;
  made.body = std::move(body);
  made.since = kNow;
  made.until = kNow + lasts;
  return made;
}

TEST(LastGood, the_last_one_is_kept_until_its_time_is_over) {
  LastGood kept(1 << 20);
  EXPECT_EQ(kept.find("a", kNow), nullptr);
  kept.keep("a", response("one"));
  kept.keep("a", response("two"));
  EXPECT_EQ(kept.entries(), 1U);
  EXPECT_EQ(kept.find("a", kNow + seconds(10) - std::chrono::nanoseconds(1))->body, "two");
  EXPECT_EQ(kept.find("b", kNow), nullptr);
  EXPECT_EQ(kept.find("a", kNow + seconds(10)), nullptr);
  EXPECT_EQ(kept.entries(), 0U);
  EXPECT_EQ(kept.bytes(), 0U);
}

TEST(LastGood, the_oldest_make_room_and_what_is_too_large_is_not_kept) {
  LastGood kept(4096);
  for (const char* key : {"a", "b", "c"}) kept.keep(key, response(std::string(1000, 'x')));
  EXPECT_EQ(kept.entries(), 3U);
  kept.keep("a", response(std::string(1000, 'y')));  // Now b is the oldest.
  kept.keep("d", response(std::string(1000, 'x')));
  EXPECT_EQ(kept.find("b", kNow), nullptr);
  EXPECT_NE(kept.find("a", kNow), nullptr);
  EXPECT_LE(kept.bytes(), 4096U);
  kept.keep("a", response(std::string(5000, 'x')));
  EXPECT_EQ(kept.find("a", kNow), nullptr);  // Nor is what it replaces.
  EXPECT_NE(kept.find("d", kNow), nullptr);
}

TEST(LastGood, what_is_forgotten_is_gone_and_who_has_it_keeps_it) {
  LastGood kept(4096);
  kept.keep("a", response("one"));
  const auto held = kept.find("a", kNow);
  kept.forget("a");
  kept.forget("a");
  EXPECT_EQ(kept.find("a", kNow), nullptr);
  EXPECT_EQ(held->body, "one");
  EXPECT_EQ(kept.bytes(), 0U);
}

}  // namespace
}  // namespace epaulet::resilience

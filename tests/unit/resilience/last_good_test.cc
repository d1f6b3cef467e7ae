#include "resilience/last_good.h"

#include <gtest/gtest.h>

#include <limits>

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

TEST(LastGood, copies_that_are_being_made_are_part_of_the_bytes) {
  const auto kept = std::make_shared<LastGood>(4096);
  for (const char* key : {"a", "b", "c"}) kept->keep(key, response(std::string(1000, 'x')));
  LastGood::Room room(kept);
  EXPECT_TRUE(room.grow(1500));
  EXPECT_LE(kept->bytes() + kept->reserved(), 4096U);
  EXPECT_EQ(kept->find("a", kNow), nullptr);
  EXPECT_NE(kept->find("c", kNow), nullptr);
  EXPECT_TRUE(room.grow(500));
  EXPECT_EQ(kept->reserved(), 2000U);
  const auto of_c = kept->bytes();

  LastGood::Room other(kept);
  EXPECT_TRUE(other.grow(48));
  EXPECT_FALSE(other.grow(1)) << "half of all, together";
  EXPECT_FALSE(room.grow(1));
  EXPECT_EQ(kept->refused(), 2U);
  EXPECT_EQ(kept->bytes(), of_c);
  other.release();
  EXPECT_TRUE(room.grow(2096)) << "one alone may have all";
  EXPECT_FALSE(room.grow(1));
  EXPECT_EQ(kept->bytes(), 0U);
  room = {};
  EXPECT_EQ(kept->reserved(), 0U);
}

TEST(LastGood, what_was_copied_is_kept_in_the_room_that_it_took) {
  const auto kept = std::make_shared<LastGood>(4096);
  const auto made = response(std::string(3000, 'x'));
  LastGood::Room room(kept);
  EXPECT_TRUE(room.grow(LastGood::bytes_of("a", made)));
  kept->keep("a", made, std::move(room));
  EXPECT_NE(kept->find("a", kNow), nullptr);
  EXPECT_EQ(kept->reserved(), 0U);
  EXPECT_EQ(kept->bytes(), LastGood::bytes_of("a", made));

  LastGood::Room others(kept);
  EXPECT_TRUE(others.grow(2000));
  kept->keep("b", made);  // Without room of its own: what others copy comes first.
  EXPECT_EQ(kept->find("b", kNow), nullptr);
  EXPECT_EQ(kept->refused(), 1U);
}

TEST(LastGood, no_number_is_too_large_to_be_refused) {
  const auto kept = std::make_shared<LastGood>(4096);
  LastGood::Room room(kept);
  EXPECT_TRUE(room.grow(4000));
  EXPECT_FALSE(room.grow(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_EQ(kept->reserved(), 4000U);
  LastGood::Room nowhere;
  EXPECT_FALSE(nowhere.grow(0));
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

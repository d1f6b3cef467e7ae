#include "server/crowd_memory.h"

#include <gtest/gtest.h>

namespace epaulet::server {
namespace {

TEST(CrowdWatch, tells_once_when_a_crowd_has_left) {
  CrowdWatch watch;
  EXPECT_FALSE(watch.has_left(0, 0));
  EXPECT_FALSE(watch.has_left(10'000, 10'000));
  EXPECT_FALSE(watch.has_left(10'000, 10'000)) << "it is here";
  EXPECT_FALSE(watch.has_left(2'501, 10'000)) << "more than a quarter is";
  EXPECT_TRUE(watch.has_left(2'500, 10'000));
  EXPECT_FALSE(watch.has_left(2'500, 10'000));
  EXPECT_TRUE(watch.has_left(600, 10'000)) << "those that had stayed";
  EXPECT_FALSE(watch.has_left(0, 10'000) && watch.has_left(0, 10'000));
}

TEST(CrowdWatch, sees_a_crowd_that_came_and_went_between_two_looks) {
  CrowdWatch watch;
  EXPECT_FALSE(watch.has_left(3, 1'000));  // Whoever is that quick may not be done.
  EXPECT_TRUE(watch.has_left(3, 1'000));
  EXPECT_FALSE(watch.has_left(3, 1'000));
}

TEST(CrowdWatch, takes_nothing_from_those_who_still_come) {
  CrowdWatch watch;
  std::uint64_t accepted = 0;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(watch.has_left(5, accepted += 1'000));
  EXPECT_TRUE(watch.has_left(5, accepted + 60));
}

TEST(CrowdWatch, a_few_leave_too_little_to_be_looked_for) {
  CrowdWatch watch;
  EXPECT_FALSE(watch.has_left(CrowdWatch::kCrowd - 1, CrowdWatch::kCrowd - 1));
  EXPECT_FALSE(watch.has_left(0, CrowdWatch::kCrowd - 1));
  EXPECT_FALSE(watch.has_left(0, CrowdWatch::kCrowd - 1));
}

}  // namespace
}  // namespace epaulet::server

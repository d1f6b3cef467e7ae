#include "discovery/look_schedule.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LookSchedule, asks_again_when_the_ttl_is_over) {
  EXPECT_EQ(LookSchedule().after_success(seconds(30), false), seconds(30));
}

TEST(LookSchedule, bounds_the_ttl_on_both_sides) {
  EXPECT_EQ(LookSchedule().after_success(seconds(0), false), seconds(1));
  EXPECT_EQ(LookSchedule().after_success(seconds(86400), false), seconds(300));
}

TEST(LookSchedule, asks_soon_again_for_the_family_that_failed) {
  EXPECT_EQ(LookSchedule().after_success(seconds(60), true), seconds(5));
  EXPECT_EQ(LookSchedule().after_success(seconds(2), true), seconds(2));
}

TEST(LookSchedule, asks_ever_less_for_a_name_that_never_had_an_endpoint) {
  LookSchedule schedule;
  EXPECT_EQ(schedule.after_negative(false), seconds(5));
  EXPECT_EQ(schedule.after_negative(false), seconds(10));
  EXPECT_EQ(schedule.after_negative(false), seconds(20));
  EXPECT_EQ(schedule.after_negative(false), seconds(30));
  EXPECT_EQ(schedule.after_negative(false), seconds(30));
}

TEST(LookSchedule, wants_a_second_opinion_before_endpoints_are_dropped) {
  LookSchedule schedule;
  EXPECT_EQ(schedule.after_negative(true), seconds(1));
  EXPECT_FALSE(schedule.negative_is_confirmed());
  EXPECT_EQ(schedule.after_negative(true), seconds(2));
  EXPECT_TRUE(schedule.negative_is_confirmed());
}

TEST(LookSchedule, forgets_an_unconfirmed_no_after_a_success) {
  LookSchedule schedule;
  (void)schedule.after_negative(true);
  (void)schedule.after_success(seconds(30), false);
  (void)schedule.after_negative(true);
  EXPECT_FALSE(schedule.negative_is_confirmed());
}

TEST(LookSchedule, backs_off_while_no_server_answers_and_begins_anew_after_an_answer) {
  LookSchedule schedule;
  EXPECT_EQ(schedule.after_failure(), seconds(1));
  EXPECT_EQ(schedule.after_failure(), seconds(2));
  EXPECT_EQ(schedule.after_failure(), seconds(4));
  for (int i = 0; i < 10; ++i) (void)schedule.after_failure();
  EXPECT_EQ(schedule.after_failure(), seconds(30));
  (void)schedule.after_success(seconds(30), false);
  EXPECT_EQ(schedule.after_failure(), seconds(1));
}

}  // namespace
}  // namespace epaulet

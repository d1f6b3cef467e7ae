#include "resilience/gradient_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace epaulet::resilience {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const TimePoint kBegin{seconds(1000)};

GradientLimit::Rules rules(std::uint32_t min = 8, std::uint32_t max = 1000) {
  GradientLimit::Rules made;
  made.min = min;
  made.max = max;
  return made;
}

/// A server that does `threads` requests at once, each in `service`; callers of `offered` at once,
/// of whom the limit lets some through.
struct Server {
  double threads = 10;
  nanoseconds service = milliseconds(10);
  double offered = 1000;

  [[nodiscard]] GradientLimit::Window window(std::uint32_t limit) const {
    const double under_way = std::min<double>(limit, offered);
    const double rounds = std::max(1.0, under_way / threads);
    return {nanoseconds(static_cast<std::int64_t>(static_cast<double>(service.count()) * rounds)),
            static_cast<std::uint32_t>(under_way)};
  }
};

class Course {
 public:
  explicit Course(const GradientLimit::Rules& rules) : limit(rules) {}
  void pass(const Server& server, int windows) {
    for (int i = 0; i < windows; ++i) {
      now += limit.window();
      limit.update(server.window(limit.limit()), now);
      if (limit.measuring()) ++looks;
      least = std::min(least, limit.limit());
    }
  }
  GradientLimit limit;
  TimePoint now = kBegin;
  int looks = 0;
  std::uint32_t least = 1'000'000;
};

TEST(GradientLimit, begins_with_a_supply_that_a_burst_may_take) {
  EXPECT_EQ(GradientLimit(rules()).limit(), 32u);
  EXPECT_EQ(GradientLimit(rules(100)).limit(), 100u);
  EXPECT_EQ(GradientLimit(rules(1, 5)).limit(), 5u);
}

TEST(GradientLimit, settles_where_the_server_is_busy_and_little_waits) {
  Course run(rules());
  run.pass({.offered = 8}, 3);  // It is known how fast the server is at rest.
  run.pass({}, 600);
  EXPECT_EQ(run.limit.at_rest(), milliseconds(10));
  EXPECT_GT(run.limit.limit(), 12u) << "its ten threads have work";
  EXPECT_LT(run.limit.limit(), 30u) << "and few wait";
}

TEST(GradientLimit, a_server_twice_as_large_gets_about_twice_as_much) {
  Course run(rules());
  run.pass({.threads = 100, .offered = 8}, 3);
  run.pass({.threads = 100}, 300);
  const auto with_100 = run.limit.limit();
  EXPECT_GT(with_100, 120u);
  EXPECT_LT(with_100, 220u);
  run.pass({.threads = 200}, 300);
  EXPECT_GT(run.limit.limit(), with_100 + 100);
}

TEST(GradientLimit, falls_within_a_second_when_most_of_the_server_is_gone) {
  Course run(rules());
  run.pass({.threads = 200, .offered = 8}, 3);
  run.pass({.threads = 200}, 300);
  ASSERT_GT(run.limit.limit(), 200u);
  const auto began = run.now;
  run.pass({.threads = 5}, 6);
  EXPECT_LT(run.limit.limit(), 100u);
  run.pass({.threads = 5}, 10);
  EXPECT_LT(run.limit.limit(), 20u);
  EXPECT_LT(run.now - began, seconds(20));
}

TEST(GradientLimit, stays_within_its_bounds) {
  Course run(rules(4, 50));
  run.pass({.threads = 100000, .offered = 100000}, 200);
  EXPECT_EQ(run.limit.limit(), 50u);
  run.pass({.threads = 1, .service = seconds(1)}, 200);
  EXPECT_GE(run.least, 4u);
}

TEST(GradientLimit, what_is_not_used_does_not_grow) {
  Course run(rules());
  run.pass({.offered = 2}, 1000);
  EXPECT_EQ(run.limit.limit(), 32u);
  EXPECT_EQ(run.looks, 0);
}

TEST(GradientLimit, who_answers_as_at_rest_is_never_held_back_to_be_measured) {
  Course run(rules());
  run.pass({.threads = 1000, .offered = 400}, 10'000);
  EXPECT_EQ(run.looks, 0);
  EXPECT_GT(run.limit.limit(), 400u);
}

TEST(GradientLimit, a_start_under_load_is_seen_through_soon) {
  Course run(rules());
  // 32 at once on four threads: eight times as slow as at rest.
  run.pass({.threads = 4}, 1);
  ASSERT_EQ(run.limit.at_rest(), milliseconds(80));
  const auto began = run.now;
  while (run.limit.at_rest() > milliseconds(21) && run.now < began + seconds(60))
    run.pass({.threads = 4}, 1);
  EXPECT_LE(run.limit.at_rest(), milliseconds(21)) << "measured with 8 at once";
  EXPECT_GE(run.now - began, seconds(4));
  EXPECT_LT(run.now - began, seconds(8));
}

TEST(GradientLimit, a_server_that_is_slower_for_good_is_found_out_within_the_time_to_remeasure) {
  Course run(rules());
  run.pass({.threads = 100, .offered = 8}, 3);
  run.pass({.threads = 100}, 300);
  const auto began = run.now;
  // Twice as slow, but with as many threads: more at once is right.
  const Server slower{.threads = 100, .service = milliseconds(20)};
  run.pass(slower, 60);
  EXPECT_LT(run.limit.limit(), 30u) << "taken for a queue at first";
  while (run.limit.at_rest() < milliseconds(20) && run.now < began + seconds(200))
    run.pass(slower, 1);
  EXPECT_LT(run.now - began, seconds(73));
  run.pass(slower, 100);
  EXPECT_GT(run.limit.limit(), 120u);
}

TEST(GradientLimit, a_shorter_time_to_remeasure_counts_at_once) {
  auto patient = rules();
  patient.remeasure = std::chrono::hours(24);
  Course run(patient);
  run.pass({.threads = 100, .offered = 8}, 3);
  run.pass({.threads = 100}, 300);
  const Server slower{.threads = 100, .service = milliseconds(20)};
  run.pass(slower, 60);
  run.limit.change(rules());
  const auto began = run.now;
  while (run.limit.at_rest() < milliseconds(20) && run.now < began + seconds(200))
    run.pass(slower, 1);
  EXPECT_LT(run.now - began, seconds(73));
}

TEST(GradientLimit, a_server_that_got_faster_is_believed_step_by_step) {
  Course run(rules());
  run.pass({.offered = 8}, 3);
  run.pass({.service = milliseconds(5), .offered = 8}, 1);
  EXPECT_EQ(run.limit.at_rest(), milliseconds(9)) << "one window of cheap answers proves little";
  run.pass({.service = milliseconds(5), .offered = 8}, 40);
  EXPECT_LT(run.limit.at_rest(), microseconds(5100));
}

TEST(GradientLimit, looks_are_not_at_the_same_time_everywhere) {
  std::vector<TimePoint> looked;
  for (int instance = 0; instance < 8; ++instance) {
    Course run(rules());
    run.now += nanoseconds(instance * 1'234'567);
    run.pass({.threads = 100, .offered = 8}, 3);
    const Server slower{.threads = 100, .service = milliseconds(18)};
    while (!run.limit.measuring() && run.now < kBegin + seconds(100)) run.pass(slower, 1);
    ASSERT_TRUE(run.limit.measuring());
    looked.push_back(run.now);
  }
  const auto [first, last] = std::minmax_element(looked.begin(), looked.end());
  EXPECT_GT(*last - *first, seconds(2));
}

TEST(GradientLimit, a_look_that_finds_no_rest_ends_all_the_same) {
  GradientLimit limit(rules());
  TimePoint now = kBegin;
  limit.update({milliseconds(10), 8}, now);
  for (int i = 0; i < 2000 && !limit.measuring(); ++i)
    limit.update({milliseconds(40), 100}, now += milliseconds(100));
  ASSERT_TRUE(limit.measuring());
  EXPECT_EQ(limit.limit(), 8u);
  for (int i = 0; i < 5; ++i) limit.update({milliseconds(40), 100}, now += milliseconds(100));
  EXPECT_FALSE(limit.measuring());
}

TEST(GradientLimit, a_window_is_as_long_as_answers_take) {
  GradientLimit limit(rules());
  EXPECT_EQ(limit.window(), milliseconds(100));
  limit.update({milliseconds(700), 8}, kBegin);
  EXPECT_EQ(limit.window(), milliseconds(700));
  limit.update({seconds(30), 8}, kBegin + seconds(1));
  EXPECT_EQ(limit.window(), seconds(2));
}

}  // namespace
}  // namespace epaulet::resilience

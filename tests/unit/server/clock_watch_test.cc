#include "server/clock_watch.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/sim_loop.h"

namespace epaulet::server {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using test::SimLoop;

TEST(ClockJumps, tells_of_each_way_once_and_by_how_much) {
  TimePoint now = SimLoop::kStart;
  WallTime wall = SimLoop::kWallStart;
  ClockJumps jumps(now, wall);
  EXPECT_FALSE(jumps.look(now += hours(24), wall += hours(24))) << "time goes by";
  EXPECT_EQ(jumps.look(now, wall += hours(1)), nanoseconds(hours(1)));
  EXPECT_FALSE(jumps.look(now += seconds(1), wall += seconds(1)));
  EXPECT_EQ(jumps.look(now += seconds(1), wall -= hours(1) - seconds(1)), -nanoseconds(hours(1)));
  EXPECT_FALSE(jumps.look(now, wall));
}

TEST(ClockJumps, a_clock_that_is_put_right_step_by_step_does_not_jump) {
  TimePoint now = SimLoop::kStart;
  WallTime wall = SimLoop::kWallStart;
  ClockJumps jumps(now, wall);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(jumps.look(now += seconds(1), wall += seconds(5)));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(jumps.look(now += seconds(1), wall -= seconds(3)));
  EXPECT_TRUE(jumps.look(now += seconds(1), wall += seconds(1) + ClockJumps::kLeast));
  EXPECT_TRUE(jumps.look(now += seconds(1), wall += seconds(1) - ClockJumps::kLeast));
}

TEST(ClockWatch, counts_what_it_tells_of) {
  SimLoop loop;
  std::vector<nanoseconds> told;
  ClockWatch watch(loop, [&](nanoseconds jump) { told.push_back(jump); });
  loop.advance(seconds(10));
  EXPECT_EQ(watch.jumps(), 0U);
  loop.set_time(loop.now() + seconds(1), loop.wall_now() + seconds(1) + hours(1));
  loop.run_until_quiet();
  EXPECT_EQ(told, std::vector<nanoseconds>{hours(1)});
  loop.advance(seconds(3));  // The simulated wall clock follows the other one: it is set back.
  EXPECT_EQ(told, (std::vector<nanoseconds>{hours(1), -hours(1)}));
  EXPECT_EQ(watch.jumps(), 2U);
}

}  // namespace
}  // namespace epaulet::server

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <queue>
#include <vector>

#include "balance/picker.h"

namespace epaulet::balance {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Weights = std::vector<std::uint32_t>;

/// Endpoints that answer one request after so long each, on manual time.
class World {
 public:
  World(std::vector<Load::Time> latencies, Weights weights, std::uint64_t seed,
        SlowStart slow_start = {})
      : random_(seed), latencies_(std::move(latencies)), asked_(latencies_.size()) {
    for (std::size_t i = 0; i < latencies_.size(); ++i) loads_.emplace_back(new Load(now_));
    if (weights.empty()) weights.assign(latencies_.size(), 1);
    picker_ = make_p2c_ewma({{}, weights, loads_}, slow_start, random_);
  }
  void advance(Load::Time time) {
    now_ += time;
    while (!running_.empty() && running_.top().at <= now_) {
      const Running& done = running_.top();
      loads_[done.index]->answered(done.at - done.began, done.at);
      loads_[done.index]->end();
      running_.pop();
    }
  }
  std::size_t ask() {
    const auto index = *picker_->pick(loads_.size(), avoided_, {}, now_);
    loads_[index]->begin(Flight::request, now_);
    running_.push({now_ + latencies_[index], now_, index});
    ++asked_[index];
    last_[index] = now_;
    return index;
  }
  void run(int requests, Load::Time pause) {
    for (int i = 0; i < requests; ++i) {
      ask();
      advance(pause);
    }
  }

  Random random_;
  TimePoint now_{seconds(1000)};
  std::vector<Load::Time> latencies_;
  std::vector<int> asked_;
  std::vector<std::size_t> avoided_;
  std::vector<LoadPtr> loads_;
  std::map<std::size_t, TimePoint> last_;

 private:
  struct Running {
    TimePoint at;
    TimePoint began;
    std::size_t index;
    friend bool operator<(const Running& a, const Running& b) { return a.at > b.at; }
  };
  std::priority_queue<Running> running_;
  std::unique_ptr<Picker> picker_;
};

TEST(P2cEwma, of_none_there_is_nothing_to_pick_and_one_is_picked_whatever_it_does) {
  World nobody({}, {}, 1);
  Random random(1);
  EXPECT_FALSE(make_p2c_ewma({}, {}, random)->pick(0, {}));
  World one({seconds(10)}, {}, 1);
  one.run(10, milliseconds(1));
  EXPECT_EQ(one.asked_[0], 10);
}

TEST(P2cEwma, alike_endpoints_get_alike_shares) {
  World world({milliseconds(5), milliseconds(5), milliseconds(5), milliseconds(5)}, {}, 1);
  world.run(20'000, milliseconds(1));
  for (const auto asked : world.asked_) EXPECT_NEAR(asked, 5000, 300);
}

TEST(P2cEwma, shares_follow_weights) {
  World world({milliseconds(5), milliseconds(5), milliseconds(5)}, {1, 2, 5}, 1);
  world.run(40'000, milliseconds(1));
  EXPECT_NEAR(world.asked_[0], 5000, 1500);
  EXPECT_NEAR(world.asked_[1], 10'000, 2000);
  EXPECT_NEAR(world.asked_[2], 25'000, 2500);
}

TEST(P2cEwma, a_slow_endpoint_is_left_to_itself) {
  World world({milliseconds(2), milliseconds(2), milliseconds(400), milliseconds(2)}, {}, 1);
  world.run(10'000, milliseconds(1));
  EXPECT_LT(world.asked_[2], 10);
  EXPECT_GT(world.asked_[2], 0);
}

TEST(P2cEwma, an_endpoint_that_has_recovered_gets_its_share_again) {
  World world({milliseconds(2), milliseconds(500)}, {}, 1);
  world.run(1000, milliseconds(1));
  world.latencies_[1] = milliseconds(2);
  world.run(static_cast<int>((Load::kForgotten + seconds(1)) / milliseconds(1)), milliseconds(1));
  world.asked_ = {0, 0};
  world.run(10'000, milliseconds(1));
  EXPECT_NEAR(world.asked_[1], 5000, 700);
}

/// Its first answer waits for connections, caches and a compiler.
TEST(P2cEwma, an_endpoint_that_begins_slowly_gets_its_share_within_a_second) {
  World world({microseconds(400), milliseconds(40)}, {}, 1);
  while (world.asked_[1] == 0) world.run(1, milliseconds(5));
  world.latencies_[1] = microseconds(400);
  world.run(200, milliseconds(5));
  world.asked_ = {0, 0};
  world.run(2000, milliseconds(5));
  EXPECT_NEAR(world.asked_[1], 1000, 150);
}

TEST(P2cEwma, who_is_slow_for_good_is_looked_at_ever_more_rarely) {
  World world({milliseconds(1), milliseconds(40)}, {}, 1);
  world.run(20'000, milliseconds(5));  // 100 s
  EXPECT_GE(world.asked_[1], 8);
  EXPECT_LE(world.asked_[1], 16);
}

/// A new endpoint may not be able to do what the others do: one request finds out.
TEST(P2cEwma, a_crowd_does_not_run_to_whoever_is_new) {
  World world({milliseconds(20), milliseconds(20), seconds(2)}, {}, 2);
  world.avoided_ = {2};  // It is not there yet.
  world.run(100, milliseconds(1));
  world.avoided_.clear();
  world.run(200, milliseconds(1));
  EXPECT_EQ(world.asked_[2], 1);
}

TEST(P2cEwma, nobody_is_starved_whatever_the_seed) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random dice(seed);
    std::vector<Load::Time> latencies;
    Weights weights;
    for (auto left = 2 + dice.below(6); left > 0; --left) {
      // From 100 us to 4 s, evenly over the orders of magnitude.
      auto latency = microseconds(100);
      for (auto doubled = dice.below(16); doubled > 0; --doubled) latency *= 2;
      latencies.emplace_back(latency);
      weights.push_back(static_cast<std::uint32_t>(1 + dice.below(4)));
    }
    World world(latencies, weights, seed);
    const auto began = world.now_;
    for (int i = 0; i < 60'000; ++i) {
      world.ask();
      world.advance(Load::Time(static_cast<std::int64_t>(dice.below(4'000'000))));
    }
    ASSERT_GT(world.now_ - began, seconds(100));
    for (std::size_t i = 0; i < latencies.size(); ++i) {
      // Once it is forgotten it is asked as soon as it is drawn; what it has under way ends first.
      EXPECT_LT(world.now_ - world.last_[i], Load::kForgotten + seconds(10))
          << "seed " << seed << " endpoint " << i;
    }
  }
}

TEST(P2cEwma, those_to_be_avoided_are_asked_only_where_no_other_is_left) {
  World world(std::vector<Load::Time>(5, milliseconds(1)), {}, 1);
  world.avoided_ = {0, 2, 3};
  world.run(1000, milliseconds(1));
  EXPECT_EQ(world.asked_[0] + world.asked_[2] + world.asked_[3], 0);
  EXPECT_GT(world.asked_[1], 300);
  EXPECT_GT(world.asked_[4], 300);
  world.avoided_ = {0, 1, 2, 3, 4};
  world.run(1000, milliseconds(1));
  for (const auto asked : world.asked_) EXPECT_GT(asked, 100);
}

TEST(P2cEwma, of_many_with_one_left_that_one_is_found) {
  World world(std::vector<Load::Time>(200, milliseconds(1)), {}, 1);
  for (std::size_t i = 0; i < 200; ++i) {
    if (i != 77) world.avoided_.push_back(i);
  }
  world.run(100, milliseconds(1));
  EXPECT_EQ(world.asked_[77], 100);
}

TEST(P2cEwma, slow_start_lets_a_new_endpoint_grow_into_its_share) {
  const SlowStart slow{seconds(30)};
  EXPECT_EQ(slow.factor(seconds(30)), 1);
  EXPECT_EQ(slow.factor(seconds(15)), 2);
  EXPECT_NEAR(slow.factor(seconds(0)), 10, 0.01);
  EXPECT_EQ(SlowStart{}.factor(seconds(0)), 1);

  // Four requests are always under way at the old one's pace; loads differ by age alone.
  const auto share_of_new = [](SlowStart slow_start) {
    Random random(3);
    const TimePoint now{seconds(1000)};
    std::vector<LoadPtr> loads{LoadPtr(new Load(now - seconds(100))), LoadPtr(new Load(now))};
    for (const auto& load : loads) {
      load->begin(Flight::request, now);
      load->answered(milliseconds(10), now);
      load->end();
    }
    const Weights weights{1, 1};
    const auto picker = make_p2c_ewma({{}, weights, loads}, slow_start, random);
    int picked = 0;
    for (int i = 0; i < 1000; ++i) picked += *picker->pick(2, {}, {}, now) == 1;
    return picked;
  };
  EXPECT_NEAR(share_of_new({}), 500, 60);
  EXPECT_EQ(share_of_new(slow), 0);
}

TEST(P2cEwma, what_is_under_way_counts_before_it_is_answered) {
  Random random(5);
  const TimePoint now{seconds(1000)};
  std::vector<LoadPtr> loads;
  for (int i = 0; i < 2; ++i) {
    loads.emplace_back(new Load(now));
    loads.back()->begin(Flight::request, now);
    loads.back()->answered(milliseconds(10), now);
    loads.back()->end();
  }
  const Weights weights{1, 1};
  const auto picker = make_p2c_ewma({{}, weights, loads}, {}, random);
  const InFlight busy(loads[0], Flight::tunnel, now);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(picker->pick(2, {}, {}, now), 1U);
}

}  // namespace
}  // namespace epaulet::balance

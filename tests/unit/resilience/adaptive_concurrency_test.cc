#include "resilience/adaptive_concurrency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "runtime/random.h"

namespace epaulet::resilience {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Place = AdaptiveConcurrency::Place;

const TimePoint kBegin{seconds(1000)};

GradientLimit::Rules fixed(std::uint32_t limit) {
  GradientLimit::Rules made;
  made.min = made.max = limit;
  return made;
}

std::size_t fill(AdaptiveConcurrency& limit, Criticality kind, std::vector<Place>& places) {
  std::size_t taken = 0;
  while (auto place = std::move(limit.enter(kind, kBegin).place)) {
    places.push_back(std::move(place));
    ++taken;
  }
  return taken;
}

TEST(AdaptiveConcurrency, sheddable_requests_are_refused_first_and_critical_ones_last) {
  AdaptiveConcurrency limit(fixed(8));
  std::vector<Place> places;
  EXPECT_EQ(fill(limit, Criticality::sheddable, places), 6u);
  EXPECT_EQ(fill(limit, Criticality::normal, places), 2u);
  EXPECT_EQ(fill(limit, Criticality::critical, places), 8u);
  EXPECT_FALSE(limit.enter(Criticality::critical, kBegin).place);
  const auto numbers = limit.numbers();
  EXPECT_EQ(numbers.in_flight, 16u);
  EXPECT_EQ(numbers.admitted, (std::array<std::uint64_t, 3>{6, 2, 8}));
  EXPECT_EQ(numbers.refused, (std::array<std::uint64_t, 3>{1, 1, 2}));
}

TEST(AdaptiveConcurrency, under_other_rules_what_is_under_way_counts_on) {
  AdaptiveConcurrency limit(fixed(8));
  std::vector<Place> places;
  EXPECT_EQ(fill(limit, Criticality::normal, places), 8u);
  limit.change(fixed(10));
  EXPECT_EQ(fill(limit, Criticality::normal, places), 2u);
  limit.change(fixed(4));
  EXPECT_EQ(limit.numbers().in_flight, 10u);
  places.resize(4);
  EXPECT_FALSE(limit.enter(Criticality::normal, kBegin).place);
  places.resize(3);
  EXPECT_TRUE(limit.enter(Criticality::normal, kBegin).place);

  GradientLimit::Rules wide;  // Where the rules allow it, it stays where it was.
  limit.change(wide);
  EXPECT_EQ(limit.numbers().limit, wide.min);
  limit.change(fixed(20));
  limit.change(wide);
  EXPECT_EQ(limit.numbers().limit, 20u);
}

TEST(AdaptiveConcurrency, with_a_limit_of_one_sheddable_requests_go_on_too) {
  AdaptiveConcurrency limit(fixed(1));
  const auto entry = limit.enter(Criticality::sheddable, kBegin);
  EXPECT_TRUE(entry.place);
  EXPECT_FALSE(limit.enter(Criticality::normal, kBegin).place);
}

TEST(AdaptiveConcurrency, every_place_is_given_back_once) {
  AdaptiveConcurrency limit(fixed(4));
  {
    std::vector<Place> places;
    fill(limit, Criticality::normal, places);
    places[0].answered(kBegin, true);
    places[0].leave();
    Place moved = std::move(places[1]);
    moved = std::move(places[2]);
    EXPECT_EQ(limit.numbers().in_flight, 2u);
  }
  EXPECT_EQ(limit.numbers().in_flight, 0u);
}

TEST(AdaptiveConcurrency, exempt_requests_take_no_place) {
  AdaptiveConcurrency limit(fixed(1));
  const auto entry = limit.enter(Criticality::exempt, kBegin);
  EXPECT_FALSE(entry.place);
  EXPECT_EQ(limit.numbers().in_flight, 0u);
}

TEST(AdaptiveConcurrency, the_first_refusal_for_a_while_is_told) {
  AdaptiveConcurrency limit(fixed(1));
  const auto held = limit.enter(Criticality::normal, kBegin);
  const auto refused_at = [&](seconds after) {
    return limit.enter(Criticality::normal, kBegin + after).begins_refusing;
  };
  EXPECT_TRUE(refused_at(seconds(0)));
  EXPECT_FALSE(refused_at(seconds(5)));
  EXPECT_FALSE(refused_at(seconds(14))) << "it has never stopped";
  EXPECT_TRUE(refused_at(seconds(25)));
}

/// Windows of answers that take so long.
void answer(AdaptiveConcurrency& limit, TimePoint& now, nanoseconds latency, int count) {
  for (int i = 0; i < count; ++i) {
    auto place = std::move(limit.enter(Criticality::critical, now).place);
    ASSERT_TRUE(place);
    place.asked(now);
    now += latency;
    place.answered(now, true);
  }
}

TEST(AdaptiveConcurrency, the_median_of_a_window_is_known_to_a_few_percent) {
  Random random(7);
  for (const auto typical : {microseconds(3), microseconds(90), microseconds(1500),
                             microseconds(47'000), microseconds(2'300'000)}) {
    AdaptiveConcurrency limit(GradientLimit::Rules{});
    std::vector<nanoseconds> latencies;
    TimePoint now = kBegin;
    // A window ends with the first sample behind its time, so all of these are one.
    for (int i = 0; i < 2001; ++i) {
      const double factor = 0.7 + 0.6 * random.unit();
      latencies.push_back(nanoseconds(
          static_cast<std::int64_t>(static_cast<double>(nanoseconds(typical).count()) * factor)));
      auto place = std::move(limit.enter(Criticality::normal, now).place);
      const auto end = i < 2000 ? kBegin : kBegin + seconds(30);
      place.asked(end - latencies.back());
      place.answered(end, true);
    }
    std::nth_element(latencies.begin(), latencies.begin() + 1000, latencies.end());
    const auto exact = static_cast<double>(latencies[1000].count());
    const auto found = static_cast<double>(limit.numbers().median.count());
    EXPECT_NEAR(found / exact, 1.0, typical < microseconds(10) ? 0.35 : 0.05)
        << typical.count() << " us";
  }
}

TEST(AdaptiveConcurrency, slow_answers_lower_the_limit_and_errors_say_nothing) {
  AdaptiveConcurrency limit(GradientLimit::Rules{});
  TimePoint now = kBegin;
  answer(limit, now, milliseconds(10), 100);
  const auto before = limit.numbers();
  EXPECT_EQ(before.limit, 32u);
  EXPECT_NEAR(static_cast<double>(before.at_rest.count()), 10e6, 1e6);
  for (int i = 0; i < 1000; ++i) {
    auto place = std::move(limit.enter(Criticality::normal, now).place);
    place.asked(now);
    place.answered(now + microseconds(50), false);
  }
  EXPECT_EQ(limit.numbers().at_rest, before.at_rest);
  answer(limit, now, milliseconds(200), 60);
  EXPECT_LT(limit.numbers().limit, 20u);
}

TEST(AdaptiveConcurrency, an_answer_before_its_request_says_nothing_of_latency) {
  AdaptiveConcurrency limit(GradientLimit::Rules{});
  TimePoint now = kBegin;
  for (int i = 0; i < 100; ++i) {
    auto place = std::move(limit.enter(Criticality::normal, now).place);
    now += milliseconds(50);
    place.answered(now, true);
  }
  EXPECT_EQ(limit.numbers().at_rest, nanoseconds(0));
  EXPECT_EQ(limit.numbers().in_flight, 0u);
}

TEST(AdaptiveConcurrency, threads_share_one_number) {
  AdaptiveConcurrency limit(fixed(16));
  std::atomic<std::uint32_t> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      TimePoint now = kBegin;
      for (int i = 0; i < 20'000; ++i) {
        std::vector<Place> places;
        for (int k = 0; k < 6; ++k) {
          auto place = std::move(limit.enter(Criticality::normal, now).place);
          if (place) places.push_back(std::move(place));
        }
        most = std::max(most.load(), static_cast<std::uint32_t>(places.size()));
        now += microseconds(100);
        for (auto& place : places) {
          place.asked(now - microseconds(100));
          place.answered(now, true);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto numbers = limit.numbers();
  EXPECT_EQ(numbers.in_flight, 0u);
  EXPECT_EQ(numbers.limit, 16u);
  EXPECT_EQ(numbers.admitted[1] + numbers.refused[1], 4u * 20'000 * 6);
  EXPECT_LE(most.load(), 6u);
}

TEST(AdaptiveConcurrency, kinds_have_the_names_of_the_configuration) {
  EXPECT_EQ(name_of(Criticality::sheddable), "sheddable");
  EXPECT_EQ(name_of(Criticality::normal), "default");
  EXPECT_EQ(name_of(Criticality::critical), "critical");
  EXPECT_EQ(name_of(Criticality::exempt), "exempt");
}

}  // namespace
}  // namespace epaulet::resilience

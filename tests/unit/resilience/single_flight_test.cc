#include "resilience/single_flight.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace epaulet::resilience {
namespace {

using News = SingleFlight::News;

class Waiter final : public SingleFlight::Follower {
 public:
  std::vector<News> heard;
  const SingleFlight::Flight* joined = nullptr;

 private:
  void on_news() override { heard.push_back(news()); }
};

SharedAnswerPtr answer_of(std::string body) {
  SharedAnswer answer;
  answer.body = std::move(body);
  return std::make_shared<const SharedAnswer>(std::move(answer));
}

TEST(SingleFlight, the_first_leads_and_the_others_get_what_it_gets) {
  SingleFlight flights;
  const auto first = flights.join("a", 0);
  const auto second = flights.join("a", 0);
  const auto other = flights.join("b", 0);
  EXPECT_TRUE(first.leads && !second.leads && other.leads);
  EXPECT_EQ(second.flight, first.flight);
  Waiter waiter;
  second.flight->follow(waiter);
  EXPECT_TRUE(first.flight->begin_answer());
  Waiter late;
  flights.join("a", 0).flight->follow(late);
  first.flight->land(answer_of("x"));
  EXPECT_EQ(waiter.heard, (std::vector{News::answering, News::landed}));
  EXPECT_EQ(late.heard, (std::vector{News::answering, News::landed}));
  EXPECT_EQ(second.flight->answer()->body, "x");
  EXPECT_TRUE(flights.join("a", 0).leads) << "what has landed is not given to who comes later";
}

TEST(SingleFlight, an_answer_that_nobody_waits_for_is_not_kept) {
  SingleFlight flights;
  const auto first = flights.join("a", 0);
  {
    Waiter gone;
    first.flight->follow(gone);
  }
  EXPECT_FALSE(first.flight->begin_answer());
  EXPECT_FALSE(first.flight->is_open());
  EXPECT_TRUE(flights.join("a", 0).leads);
}

TEST(SingleFlight, what_is_asked_after_a_change_is_asked_anew) {
  SingleFlight flights;
  const auto before = flights.join("a", 0);
  Waiter early;
  before.flight->follow(early);
  const auto after = flights.join("a", 1);
  EXPECT_TRUE(after.leads);
  Waiter waiter;
  flights.join("a", 1).flight->follow(waiter);
  before.flight->land(answer_of("old"));
  EXPECT_EQ(early.heard, std::vector{News::landed});
  EXPECT_TRUE(waiter.heard.empty());
  EXPECT_FALSE(flights.join("a", 1).leads) << "the end of the old one does not touch the new one";
  after.flight->end(News::refused);
  EXPECT_EQ(waiter.heard, std::vector{News::refused});
  EXPECT_EQ(flights.open_flights(), 0U);
}

TEST(SingleFlight, one_of_them_takes_the_place_of_a_leader_that_leaves) {
  SingleFlight flights;
  const auto flight = flights.join("a", 0).flight;
  Waiter next;
  Waiter other;
  flight->follow(next);
  flight->follow(other);
  flight->hand_over({});
  EXPECT_EQ(next.heard, std::vector{News::leads});
  EXPECT_TRUE(other.heard.empty());
  EXPECT_FALSE(flights.join("a", 0).leads);
  flight->land(answer_of("x"));
  EXPECT_EQ(other.heard, std::vector{News::landed});
}

TEST(SingleFlight, another_answer_begins_where_the_first_has_broken_off) {
  SingleFlight flights;
  const auto flight = flights.join("a", 0).flight;
  Waiter next;
  Waiter other;
  flight->follow(next);
  flight->follow(other);
  EXPECT_TRUE(flight->begin_answer());
  flight->hand_over({});
  EXPECT_EQ(next.heard, (std::vector{News::answering, News::leads}));
  EXPECT_EQ(other.heard, (std::vector{News::answering, News::none}));
  EXPECT_TRUE(flight->begin_answer());
  flight->land(answer_of("x"));
  EXPECT_EQ(other.heard.back(), News::landed);
}

TEST(SingleFlight, nobody_joins_where_one_asks_beside_it_but_those_who_follow_go_on) {
  SingleFlight flights;
  const auto flight = flights.join("a", 0).flight;
  Waiter late;
  Waiter other;
  flight->follow(late);
  flight->follow(other);
  flight->ask_beside(late);
  const auto anew = flights.join("a", 0);
  EXPECT_TRUE(anew.leads);
  EXPECT_TRUE(flight->is_open());
  flight->hand_over({});
  EXPECT_EQ(other.heard, std::vector{News::leads});
  EXPECT_TRUE(late.heard.empty()) << "it asks itself already";
  EXPECT_TRUE(flight->begin_answer()) << "it may take the answer all the same";
  flight->land(answer_of("x"));
  EXPECT_EQ(late.heard, std::vector{News::landed});
  EXPECT_FALSE(flights.join("a", 0).leads) << "the new one has its place in the table";
  anew.flight->end(News::failed);
}

TEST(SingleFlight, none_that_asks_itself_leads) {
  SingleFlight flights;
  const auto flight = flights.join("a", 0).flight;
  Waiter late;
  flight->follow(late);
  flight->ask_beside(late);
  flight->hand_over({});
  EXPECT_EQ(late.heard, std::vector{News::failed});
  EXPECT_FALSE(flight->is_open());
  flight->ask_beside(late);
  EXPECT_FALSE(late.linked());
}

TEST(SingleFlight, an_answer_is_kept_while_somebody_would_take_it) {
  SingleFlight flights;
  const auto flight = flights.join("a", 0).flight;
  {
    Waiter follower;
    Waiter late;
    flight->follow(follower);
    flight->follow(late);
    flight->ask_beside(late);
    EXPECT_TRUE(flight->is_followed());
  }
  EXPECT_FALSE(flight->is_followed());
  flight->end(News::failed);
}

TEST(SingleFlight, what_was_not_to_be_shared_is_kept_apart_for_a_while) {
  SingleFlight flights;
  const TimePoint now{std::chrono::hours(1)};
  EXPECT_FALSE(flights.is_kept_apart("a", now));
  const auto flight = flights.join("a", 0).flight;
  flight->keep_apart(now);
  flight->end(News::refused);
  EXPECT_TRUE(flights.is_kept_apart("a", now));
  EXPECT_FALSE(flights.is_kept_apart("b", now));
  const auto last = now + SingleFlight::kApartFor - std::chrono::nanoseconds(1);
  EXPECT_TRUE(flights.is_kept_apart("a", last));
  EXPECT_FALSE(flights.is_kept_apart("a", now + SingleFlight::kApartFor));
}

TEST(SingleFlight, so_many_are_known_to_be_apart_and_no_more) {
  SingleFlight flights;
  const TimePoint now{std::chrono::hours(1)};
  for (std::size_t i = 0; i < 10 * SingleFlight::kApartMax; ++i) {
    const auto flight = flights.join(std::to_string(i), 0).flight;
    flight->keep_apart(now);
    flight->end(News::refused);
  }
  std::size_t known = 0;
  for (std::size_t i = 0; i < 10 * SingleFlight::kApartMax; ++i)
    known += flights.is_kept_apart(std::to_string(i), now) ? 1 : 0;
  EXPECT_LE(known, SingleFlight::kApartMax);
  EXPECT_GT(known, SingleFlight::kApartMax / 2);
}

TEST(SingleFlight, leaders_that_all_leave_hold_nobody_up_for_ever) {
  SingleFlight flights;
  const auto flight = flights.join("a", 0).flight;
  std::deque<Waiter> waiters(6);
  for (auto& waiter : waiters) flight->follow(waiter);
  for (unsigned i = 0; i <= SingleFlight::kHandOversMax; ++i) flight->hand_over({});
  std::size_t led = 0;
  std::size_t failed = 0;
  for (const auto& waiter : waiters) {
    ASSERT_EQ(waiter.heard.size(), 1U);
    (waiter.heard[0] == News::leads ? led : failed) += 1;
  }
  EXPECT_EQ(led, SingleFlight::kHandOversMax);
  EXPECT_EQ(failed, 6U - led);
  EXPECT_TRUE(flights.is_kept_apart("a", {}));
  EXPECT_FALSE(flight->is_open());
  flight->land(answer_of("x"));
  EXPECT_EQ(flight->answer(), nullptr);
}

TEST(SingleFlight, whatever_happens_each_hears_one_end_and_no_flight_stays) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    SingleFlight flights;
    std::deque<Waiter> waiters;
    std::vector<SingleFlight::FlightPtr> led;
    std::uint64_t changes = 0;
    for (int i = 0; i < 60; ++i) {
      const auto dice = random() % 9;
      if (dice < 4) {
        auto joined = flights.join(std::string(1, static_cast<char>('a' + random() % 3)), changes);
        if (joined.leads) {
          led.push_back(joined.flight);
        } else {
          joined.flight->follow(waiters.emplace_back());
          waiters.back().joined = joined.flight.get();
        }
      } else if (dice == 4) {
        ++changes;
      } else if (dice == 8) {
        if (waiters.empty()) continue;
        auto& late = waiters[random() % waiters.size()];
        for (const auto& flight : led) {
          if (late.linked() && late.joined == flight.get()) flight->ask_beside(late);
        }
      } else if (!led.empty()) {
        const auto flight = led[random() % led.size()];
        if (dice == 5) (void)flight->begin_answer();
        if (dice == 6) flight->hand_over({});
        if (dice == 7)
          random() % 2 == 0 ? flight->land(answer_of("x")) : flight->end(News::refused);
      }
    }
    for (const auto& flight : led) flight->end(News::failed);
    EXPECT_EQ(flights.open_flights(), 0U);
    for (const auto& waiter : waiters) {
      const auto is_end = [](News news) { return news != News::answering && news != News::none; };
      EXPECT_EQ(std::count_if(waiter.heard.begin(), waiter.heard.end(), is_end), 1) << seed;
      EXPECT_TRUE(is_end(waiter.heard.back())) << seed;
      EXPECT_FALSE(waiter.linked());
    }
  }
}

}  // namespace
}  // namespace epaulet::resilience

#include "telemetry/in_flight.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace epaulet::telemetry {
namespace {

InFlight::Request request(std::uint64_t number, bool sampled = true, std::string_view id = {}) {
  InFlight::Request made;
  made.ids = {number, number + 1, number + 2};
  made.request_id = InFlight::key_of(id);
  made.has_trace = true;
  made.sampled = sampled;
  return made;
}

Join join_of(const InFlight& in_flight, std::string_view id = {}) {
  InFlight::Seen seen;
  in_flight.look(seen);
  return join(seen, InFlight::key_of(id));
}

TEST(InFlight, nothing_is_joined_to_nothing) {
  const InFlight in_flight;
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::none);
}

TEST(InFlight, who_is_alone_since_it_began_is_the_parent_for_certain) {
  InFlight in_flight;
  for (std::uint64_t number : {10u, 20u, 30u}) {
    const auto entry = in_flight.enter(request(number, number != 20));
    const auto found = join_of(in_flight);
    EXPECT_EQ(found.kind, Join::Kind::certain);
    EXPECT_EQ(found.request.ids, request(number).ids);
    EXPECT_EQ(found.request.sampled, number != 20);
    EXPECT_EQ(found.links, 0);
  }
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::none) << "all have left";
}

TEST(InFlight, two_at_once_are_a_guess_with_the_later_one_first) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10));
  const auto second = in_flight.enter(request(20, false));
  const auto third = in_flight.enter(request(30));
  const auto found = join_of(in_flight);
  EXPECT_EQ(found.kind, Join::Kind::guess);
  EXPECT_EQ(found.request.ids, request(30).ids);
  ASSERT_EQ(found.links, 2) << "there is no span of what is not sampled";
  EXPECT_EQ(found.linked[0], request(30).ids);
  EXPECT_EQ(found.linked[1], request(10).ids);
}

TEST(InFlight, who_was_not_alone_all_the_time_is_a_guess) {
  InFlight in_flight;
  auto first = in_flight.enter(request(10));
  auto second = in_flight.enter(request(20));
  first.leave();
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess) << "work of the first may go on";
  second.leave();
  const auto third = in_flight.enter(request(30));
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::certain) << "alone since it began";
}

TEST(InFlight, who_stayed_while_another_came_and_went_is_a_guess) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10));
  in_flight.enter(request(20)).leave();
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess);
}

TEST(InFlight, a_request_id_that_was_passed_on_is_certain_in_any_crowd) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10, true, "a"));
  const auto second = in_flight.enter(request(20, true, "b"));
  const auto third = in_flight.enter(request(30, true, "c"));
  const auto found = join_of(in_flight, "b");
  EXPECT_EQ(found.kind, Join::Kind::certain);
  EXPECT_EQ(found.request.ids, request(20).ids);
  EXPECT_EQ(join_of(in_flight, "d").kind, Join::Kind::guess);
}

TEST(InFlight, a_request_id_of_two_says_nothing) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10, true, "a"));
  const auto second = in_flight.enter(request(20, true, "a"));
  EXPECT_EQ(join_of(in_flight, "a").kind, Join::Kind::guess);
}

TEST(InFlight, what_has_no_trace_is_no_parent_and_makes_others_uncertain) {
  InFlight in_flight;
  auto tunnel = in_flight.enter(InFlight::Request());
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::none);
  const auto other = in_flight.enter(request(10));
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess);
}

TEST(InFlight, links_are_bounded_and_more_than_there_are_places_for_is_counted) {
  InFlight in_flight;
  std::vector<InFlight::Entry> entries;
  for (std::uint64_t i = 1; i <= limits::kInFlightMax + 10; ++i)
    entries.push_back(in_flight.enter(request(i * 10)));
  InFlight::Seen seen;
  in_flight.look(seen);
  EXPECT_EQ(seen.count, limits::kInFlightMax + 10);
  EXPECT_EQ(seen.listed, limits::kInFlightMax);
  EXPECT_EQ(join(seen, 0).links, limits::kSpanLinksMax);
  entries.clear();
  in_flight.look(seen);
  EXPECT_EQ(seen.count, 0u);
  EXPECT_EQ(seen.listed, 0u);
  const auto entry = in_flight.enter(request(10));
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::certain) << "all places are free again";
}

TEST(InFlight, what_is_seen_is_whole_while_others_come_and_go) {
  InFlight in_flight;
  std::atomic<bool> over{false};
  std::atomic<int> came{0};
  std::vector<std::thread> threads;
  for (std::uint64_t number = 1; number <= 2; ++number) {
    threads.emplace_back([&, number] {
      for (std::uint64_t i = 0; !over.load(); ++i) {
        in_flight.enter(request((i << 2) + number)).leave();
        ++came;
      }
    });
  }
  const auto mine = in_flight.enter(request(1'000'000'000));
  const int before = came.load();
  for (int i = 0; i < 20'000 || came.load() < before + 10'000; ++i) {
    InFlight::Seen seen;
    in_flight.look(seen);
    ASSERT_LE(seen.listed, 3u);
    for (std::size_t one = 0; one < seen.listed; ++one) {
      const auto& ids = seen.requests[one].ids;
      ASSERT_EQ(ids, (SpanIds{ids.trace_high, ids.trace_high + 1, ids.trace_high + 2}));
    }
  }
  over = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess) << "others have been there";
}

}  // namespace
}  // namespace epaulet::telemetry

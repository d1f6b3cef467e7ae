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

constexpr TimePoint kNow{std::chrono::hours(1)};

Join join_of(const InFlight& in_flight, std::string_view id = {}, TimePoint now = kNow) {
  InFlight::Seen seen;
  in_flight.look(seen, now);
  return join(seen, InFlight::key_of(id));
}

TEST(InFlight, nothing_is_joined_to_nothing) {
  const InFlight in_flight;
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::none);
}

TEST(InFlight, who_is_alone_since_it_began_is_the_parent_for_certain) {
  InFlight in_flight;
  for (std::uint64_t number : {10u, 20u, 30u}) {
    const auto entry = in_flight.enter(request(number, number != 20), kNow);
    const auto found = join_of(in_flight);
    EXPECT_EQ(found.kind, Join::Kind::certain);
    EXPECT_EQ(found.request.ids, request(number).ids);
    EXPECT_EQ(found.request.sampled, number != 20);
    EXPECT_EQ(found.links.count, 0);
  }
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::none) << "all have left";
}

TEST(InFlight, two_at_once_are_a_guess_with_the_later_one_first) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10), kNow);
  const auto second = in_flight.enter(request(20, false), kNow);
  const auto third = in_flight.enter(request(30), kNow);
  const auto found = join_of(in_flight);
  EXPECT_EQ(found.kind, Join::Kind::guess);
  EXPECT_EQ(found.request.ids, request(30).ids);
  ASSERT_EQ(found.links.count, 2) << "there is no span of what is not sampled";
  EXPECT_EQ(found.links.ids[0], request(30).ids);
  EXPECT_EQ(found.links.ids[1], request(10).ids);
}

TEST(InFlight, who_was_not_alone_all_the_time_is_a_guess) {
  InFlight in_flight;
  auto first = in_flight.enter(request(10), kNow);
  auto second = in_flight.enter(request(20), kNow);
  first.leave();
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess) << "work of the first may go on";
  second.leave();
  const auto third = in_flight.enter(request(30), kNow);
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::certain) << "alone since it began";
}

TEST(InFlight, who_stayed_while_another_came_and_went_is_a_guess) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10), kNow);
  in_flight.enter(request(20), kNow).leave();
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess);
}

TEST(InFlight, a_request_id_that_was_passed_on_is_certain_in_any_crowd) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10, true, "a"), kNow);
  const auto second = in_flight.enter(request(20, true, "b"), kNow);
  const auto third = in_flight.enter(request(30, true, "c"), kNow);
  const auto found = join_of(in_flight, "b");
  EXPECT_EQ(found.kind, Join::Kind::certain);
  EXPECT_EQ(found.request.ids, request(20).ids);
  EXPECT_EQ(join_of(in_flight, "d").kind, Join::Kind::guess);
}

TEST(InFlight, a_request_id_of_two_says_nothing) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10, true, "a"), kNow);
  const auto second = in_flight.enter(request(20, true, "a"), kNow);
  EXPECT_EQ(join_of(in_flight, "a").kind, Join::Kind::guess);
}

TEST(InFlight, what_has_no_trace_is_no_parent_and_makes_others_uncertain) {
  InFlight in_flight;
  auto tunnel = in_flight.enter(InFlight::Request(), kNow);
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::none);
  const auto other = in_flight.enter(request(10), kNow);
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess);
}

TEST(InFlight, a_guess_never_makes_a_trace_sampled) {
  InFlight in_flight;
  const auto first = in_flight.enter(request(10, false), kNow);
  auto second = in_flight.enter(request(20, true), kNow);
  EXPECT_EQ(join_of(in_flight).sampled, std::nullopt) << "decided as any that begins";
  second.leave();
  EXPECT_EQ(join_of(in_flight).sampled, false);
  const auto tunnel = in_flight.enter(InFlight::Request(), kNow);
  EXPECT_EQ(join_of(in_flight).sampled, std::nullopt) << "it may be the tunnel's";
}

TEST(InFlight, what_switched_protocols_is_no_parent_and_takes_no_place) {
  InFlight in_flight;
  std::vector<InFlight::Entry> sockets;
  for (std::uint64_t i = 1; i <= limits::kInFlightMax; ++i) {
    sockets.push_back(in_flight.enter(request(i * 10), kNow));
    sockets.back().unlist();
  }
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::none);
  const auto asked = in_flight.enter(request(1'000, true, "a"), kNow);
  EXPECT_EQ(join_of(in_flight, "a").request.ids, request(1'000).ids);
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess);
  sockets.clear();
  InFlight::Seen seen;
  in_flight.look(seen, kNow);
  EXPECT_EQ(seen.count, 1u);
}

TEST(InFlight, what_takes_as_long_as_a_stream_is_no_parent) {
  InFlight in_flight;
  const auto stream = in_flight.enter(request(10), kNow);
  const auto late = kNow + InFlight::kListedFor;
  EXPECT_EQ(join_of(in_flight, {}, late - std::chrono::nanoseconds(1)).kind, Join::Kind::certain);
  EXPECT_EQ(join_of(in_flight, {}, late).kind, Join::Kind::none);
}

TEST(InFlight, after_what_the_app_was_not_let_finish_nothing_is_certain) {
  InFlight in_flight;
  in_flight.enter(request(10), kNow).leave_unfinished(kNow);
  const auto again = in_flight.enter(request(20, true, "a"), kNow);
  EXPECT_EQ(join_of(in_flight).kind, Join::Kind::guess) << "work of the first may go on";
  EXPECT_EQ(join_of(in_flight, "a").kind, Join::Kind::certain) << "it says whose it is";
  EXPECT_EQ(join_of(in_flight, {}, kNow + InFlight::kDoubtFor).kind, Join::Kind::certain);
}

TEST(InFlight, links_are_bounded_and_more_than_there_are_places_for_is_counted) {
  InFlight in_flight;
  std::vector<InFlight::Entry> entries;
  for (std::uint64_t i = 1; i <= limits::kInFlightMax + 10; ++i)
    entries.push_back(in_flight.enter(request(i * 10), kNow));
  InFlight::Seen seen;
  in_flight.look(seen, kNow);
  EXPECT_EQ(seen.count, limits::kInFlightMax + 10);
  EXPECT_EQ(seen.listed, limits::kInFlightMax);
  EXPECT_EQ(join(seen, 0).links.count, limits::kSpanLinksMax);
  entries.clear();
  in_flight.look(seen, kNow);
  EXPECT_EQ(seen.count, 0u);
  EXPECT_EQ(seen.listed, 0u);
  const auto entry = in_flight.enter(request(10), kNow);
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
        in_flight.enter(request((i << 2) + number), kNow).leave();
        ++came;
      }
    });
  }
  const auto mine = in_flight.enter(request(1'000'000'000), kNow);
  const int before = came.load();
  for (int i = 0; i < 20'000 || came.load() < before + 10'000; ++i) {
    InFlight::Seen seen;
    in_flight.look(seen, kNow);
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

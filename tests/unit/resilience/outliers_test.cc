#include "resilience/outliers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "runtime/random.h"

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;
using Standing = Outliers::Standing;
using Reason = Outliers::Reason;

constexpr TimePoint kStart{1000h};

SocketAddress address(unsigned number) {
  return {IpAddress::v4(0x0A000000u + number), 8080};
}
std::vector<SocketAddress> addresses(unsigned count, unsigned from = 1) {
  std::vector<SocketAddress> all;
  for (unsigned i = 0; i < count; ++i) all.push_back(address(from + i));
  return all;
}

struct Fixture {
  explicit Fixture(unsigned count, const OutlierSettings& settings = {})
      : outliers(Outliers::Rules(settings)), endpoints(outliers.adopt(addresses(count), 1)) {}

  std::optional<Outliers::Change> fail(std::size_t i, TimePoint now = kStart) {
    return outliers.settle(endpoints[i], false, now, Judgement::failure, false, {});
  }
  std::optional<Outliers::Change> refuse(std::size_t i, TimePoint now = kStart) {
    return outliers.settle(endpoints[i], false, now, Judgement::failure, true, {});
  }
  void succeed(std::size_t i, TimePoint now = kStart) {
    EXPECT_FALSE(outliers.settle(endpoints[i], false, now, Judgement::success, false, {}));
  }
  std::optional<Outliers::Change> eject(std::size_t i, TimePoint now = kStart) {
    std::optional<Outliers::Change> change;
    for (int k = 0; k < 5 && !change; ++k) change = fail(i, now);
    return change;
  }
  std::optional<Outliers::Change> settle_try(std::size_t i, TimePoint now, Judgement judgement) {
    return outliers.settle(endpoints[i], true, now, judgement, false, {});
  }
  Standing at(std::size_t i, TimePoint now = kStart) const {
    return outliers.standing(endpoints[i], now);
  }

  Outliers outliers;
  std::vector<Outliers::Handle> endpoints;
};

TEST(Outliers, a_row_of_failures_ejects) {
  Fixture f(4);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(f.fail(1));
  EXPECT_FALSE(f.outliers.any_to_avoid(kStart));
  const auto change = f.fail(1);
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->ejected);
  EXPECT_EQ(change->reason, Reason::consecutive);
  EXPECT_EQ(change->out_for, 10s);
  EXPECT_TRUE(f.outliers.any_to_avoid(kStart));
  EXPECT_EQ(f.at(1), Standing::out);
  EXPECT_EQ(f.at(0), Standing::in);
}

TEST(Outliers, a_success_ends_the_row_and_no_evidence_does_not) {
  Fixture f(4);
  for (int i = 0; i < 4; ++i) (void)f.fail(1);
  f.succeed(1);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(f.fail(1));
  EXPECT_FALSE(f.outliers.settle(f.endpoints[1], false, kStart, Judgement::no_evidence, false, {}));
  EXPECT_TRUE(f.fail(1));
}

TEST(Outliers, connections_that_cannot_be_made_eject_sooner) {
  Fixture f(2);
  EXPECT_FALSE(f.refuse(0));
  EXPECT_FALSE(f.refuse(0));
  EXPECT_EQ(f.refuse(0)->reason, Reason::connect_failures);
}

TEST(Outliers, a_ratio_of_failures_ejects_where_one_is_written) {
  OutlierSettings settings;
  settings.error_ratio = 0.5;
  Fixture f(4, settings);
  for (int i = 0; i < 9; ++i) {
    if (i % 2 == 0) {
      EXPECT_FALSE(f.fail(2));
    } else {
      f.succeed(2);
    }
  }
  EXPECT_EQ(f.fail(2)->reason, Reason::error_ratio);
}

TEST(Outliers, never_the_last_one) {
  Fixture one(1);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(one.fail(0));
  Fixture two(2);
  EXPECT_TRUE(two.eject(0));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(two.fail(1));
  EXPECT_EQ(two.outliers.totals(kStart).ejected, 1u);
  EXPECT_EQ(two.outliers.totals(kStart).withheld, 20u);
}

TEST(Outliers, who_is_out_is_tried_as_soon_as_another_fails_that_cannot_be_left_out) {
  Fixture two(2);
  EXPECT_TRUE(two.eject(0));
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(two.fail(1));
  EXPECT_EQ(two.at(0), Standing::out);
  EXPECT_FALSE(two.fail(1));
  EXPECT_EQ(two.at(0), Standing::due) << "it may be well again";
  ASSERT_TRUE(two.outliers.claim(two.endpoints[0], kStart));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(two.fail(1));
  EXPECT_EQ(two.at(0), Standing::out) << "one try at a time";
  const auto back =
      two.outliers.settle(two.endpoints[0], true, kStart, Judgement::success, false, {});
  EXPECT_TRUE(back && !back->ejected);
  EXPECT_TRUE(two.eject(1));
}

TEST(Outliers, a_try_before_its_time_that_fails_is_no_ejection) {
  // All fail for two seconds: who was left out first is not left out for longer and longer by that.
  Fixture three(3);
  EXPECT_TRUE(three.eject(0));
  TimePoint now = kStart;
  for (int i = 0; i < 200; ++i) {
    now += 10ms;
    EXPECT_FALSE(three.fail(1, now));
    if (three.at(0, now) != Standing::due) continue;
    ASSERT_TRUE(three.outliers.claim(three.endpoints[0], now));
    EXPECT_FALSE(three.settle_try(0, now, Judgement::failure));
    EXPECT_EQ(three.at(0, now), Standing::out);
  }
  EXPECT_EQ(three.outliers.entries(now)[0].ejections, 1u);
  EXPECT_EQ(three.at(0, kStart + 10s - 1ns), Standing::out);
  ASSERT_EQ(three.at(0, kStart + 10s), Standing::due);
  ASSERT_TRUE(three.outliers.claim(three.endpoints[0], kStart + 10s));
  const auto again = three.settle_try(0, kStart + 10s, Judgement::failure);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->out_for, 20s) << "its own time was up";
}

TEST(Outliers, early_tries_take_turns_so_that_a_dead_one_keeps_nobody_out) {
  OutlierSettings settings;
  settings.max_ejected = 0.5;
  Fixture f(4, settings);
  ASSERT_TRUE(f.eject(0));
  ASSERT_TRUE(f.eject(1, kStart + 100ms));
  auto now = kStart + 200ms;
  ASSERT_FALSE(f.eject(2, now));
  EXPECT_EQ(f.at(0, now), Standing::due);
  EXPECT_EQ(f.at(1, now), Standing::out);
  ASSERT_TRUE(f.outliers.claim(f.endpoints[0], now));
  EXPECT_FALSE(f.settle_try(0, now, Judgement::failure));
  EXPECT_EQ(f.at(0, now), Standing::out);

  now += 10ms;
  ASSERT_FALSE(f.eject(2, now));
  EXPECT_EQ(f.at(0, now), Standing::out) << "it had its turn";
  ASSERT_EQ(f.at(1, now), Standing::due);
  ASSERT_TRUE(f.outliers.claim(f.endpoints[1], now));
  EXPECT_FALSE(f.settle_try(1, now, Judgement::failure));

  now += 10ms;
  ASSERT_FALSE(f.eject(2, now));
  EXPECT_EQ(f.at(0, now), Standing::due) << "its turn again";
  ASSERT_TRUE(f.outliers.claim(f.endpoints[0], now));
  EXPECT_FALSE(f.settle_try(0, now, Judgement::failure));

  now += 10ms;
  ASSERT_FALSE(f.eject(2, now));
  ASSERT_TRUE(f.outliers.claim(f.endpoints[1], now));
  EXPECT_TRUE(f.settle_try(1, now, Judgement::success));
  EXPECT_EQ(f.at(1, now), Standing::in);
  const auto change = f.eject(2, now);
  ASSERT_TRUE(change) << "whose place is free now";
  EXPECT_EQ(change->out_for, 10s);
}

TEST(Outliers, no_more_than_the_share_but_always_one) {
  OutlierSettings settings;
  settings.max_ejected = 0.3;
  Fixture ten(10, settings);
  std::size_t ejected = 0;
  for (std::size_t i = 0; i < 10; ++i) ejected += ten.eject(i) ? 1 : 0;
  EXPECT_EQ(ejected, 3u);
  Fixture three(3, settings);
  EXPECT_TRUE(three.eject(0));
  EXPECT_FALSE(three.eject(1));
}

TEST(Outliers, a_share_of_all_still_leaves_one) {
  OutlierSettings settings;
  settings.max_ejected = 1;
  Fixture f(3, settings);
  EXPECT_TRUE(f.eject(0));
  EXPECT_TRUE(f.eject(1));
  EXPECT_FALSE(f.eject(2));
}

TEST(Outliers, one_caller_tries_when_its_time_is_up) {
  Fixture f(2);
  (void)f.eject(0);
  EXPECT_EQ(f.at(0, kStart + 10s - 1ns), Standing::out);
  const TimePoint then = kStart + 10s;
  EXPECT_EQ(f.at(0, then), Standing::due);
  EXPECT_TRUE(f.outliers.claim(f.endpoints[0], then));
  EXPECT_EQ(f.at(0, then), Standing::out);  // For everybody else.
  const auto back = f.settle_try(0, then, Judgement::success);
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->ejected);
  EXPECT_EQ(f.at(0, then), Standing::in);
  EXPECT_FALSE(f.outliers.any_to_avoid(then));
}

TEST(Outliers, a_try_that_fails_ejects_for_twice_as_long_up_to_the_most) {
  OutlierSettings settings;
  settings.max_eject_for = 35s;
  Fixture f(2, settings);
  (void)f.eject(0);
  TimePoint now = kStart;
  for (const auto& [waits, then] : {std::pair{10s, 20s}, {20s, 35s}, {35s, 35s}}) {
    now += waits;
    ASSERT_TRUE(f.outliers.claim(f.endpoints[0], now));
    const auto change = f.settle_try(0, now, Judgement::failure);
    ASSERT_TRUE(change);
    EXPECT_EQ(change->reason, Reason::try_failed);
    EXPECT_EQ(change->out_for, then);
  }
}

TEST(Outliers, who_fails_again_soon_is_out_for_longer_and_who_held_long_is_not) {
  Fixture f(2);
  (void)f.eject(0);
  TimePoint now = kStart + 10s;
  ASSERT_TRUE(f.outliers.claim(f.endpoints[0], now));
  (void)f.settle_try(0, now, Judgement::success);
  EXPECT_EQ(f.eject(0, now + 1min)->out_for, 20s);
  now += 1min + 20s;
  ASSERT_TRUE(f.outliers.claim(f.endpoints[0], now));
  (void)f.settle_try(0, now, Judgement::success);
  EXPECT_EQ(f.eject(0, now + 5min)->out_for, 10s);
}

TEST(Outliers, a_try_without_evidence_leaves_it_to_the_next) {
  Fixture f(2);
  (void)f.eject(0);
  const TimePoint then = kStart + 10s;
  ASSERT_TRUE(f.outliers.claim(f.endpoints[0], then));
  EXPECT_FALSE(f.settle_try(0, then, Judgement::no_evidence));
  EXPECT_EQ(f.at(0, then), Standing::due);
}

TEST(Outliers, a_try_that_never_ends_blocks_others_for_one_ejection_only) {
  Fixture f(2);
  (void)f.eject(0);
  ASSERT_TRUE(f.outliers.claim(f.endpoints[0], kStart + 10s));
  EXPECT_EQ(f.at(0, kStart + 20s), Standing::due);
}

TEST(Outliers, what_began_before_an_ejection_does_not_end_it) {
  Fixture f(2);
  (void)f.eject(0);
  f.succeed(0);
  EXPECT_FALSE(f.fail(0));
  EXPECT_EQ(f.at(0), Standing::out);
}

TEST(Outliers, state_survives_sets_that_the_endpoint_is_in_and_those_it_is_not_in) {
  Fixture f(3);
  (void)f.eject(1);
  f.endpoints = f.outliers.adopt(addresses(4), 2);
  EXPECT_EQ(f.at(1), Standing::out);
  (void)f.outliers.adopt(addresses(1), 3);
  f.endpoints = f.outliers.adopt(addresses(3), 4);
  EXPECT_EQ(f.at(1), Standing::out);
  EXPECT_EQ(f.at(0), Standing::in);
}

TEST(Outliers, only_members_count_for_the_share) {
  Fixture f(4);
  (void)f.eject(0);
  (void)f.eject(1);
  EXPECT_FALSE(f.eject(2));
  f.endpoints = f.outliers.adopt(addresses(2, 3), 2);  // Those that were ejected have left.
  EXPECT_EQ(f.outliers.totals(kStart).ejected, 0u);
  EXPECT_TRUE(f.eject(0));
}

TEST(Outliers, a_late_worker_with_an_older_set_does_not_bring_it_back) {
  Fixture f(4);
  f.endpoints = f.outliers.adopt(addresses(2), 3);
  (void)f.outliers.adopt(addresses(4), 2);
  EXPECT_TRUE(f.eject(0));
  EXPECT_FALSE(f.eject(1));  // The last of two.
}

TEST(Outliers, memory_is_bounded_and_a_new_tenant_begins_anew) {
  Fixture f(2);
  const auto old = f.endpoints[0];
  (void)f.eject(0);
  for (unsigned i = 1; i < 200; ++i) (void)f.outliers.adopt(addresses(2, 10 * i), 1 + i);
  EXPECT_LE(f.outliers.entries(kStart).size(), 20u);
  EXPECT_FALSE(f.outliers.any_to_avoid(kStart));
  EXPECT_EQ(f.outliers.standing(old, kStart), Standing::in);
  EXPECT_FALSE(f.outliers.claim(old, kStart + 1h));
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(f.outliers.settle(old, false, kStart, Judgement::failure, true, {}));
}

TEST(Outliers, what_is_said_of_a_former_tenant_counts_for_nobody) {
  Fixture f(1);
  const auto former = f.endpoints[0];
  // Sets without it, until its place is somebody else's.
  std::uint64_t version = 2;
  std::vector<Outliers::Handle> others;
  for (unsigned from = 100; from < 400; from += 10)
    others = f.outliers.adopt(addresses(10, from), version++);
  const auto fail = [&](Outliers::Handle handle) {
    return f.outliers.settle(handle, false, kStart, Judgement::failure, true, {});
  };
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(fail(former));
    EXPECT_FALSE(f.outliers.spare(former, kStart, kStart + 1min, 503));
  }
  for (const auto& one : others) EXPECT_EQ(f.outliers.standing(one, kStart), Standing::in);
  // Nor is anybody nearer to an ejection: it takes three connections, as ever.
  EXPECT_FALSE(fail(others[0]));
  EXPECT_FALSE(fail(others[0]));
}

TEST(Outliers, who_asks_to_be_spared_is_for_that_time) {
  Fixture f(2);
  EXPECT_TRUE(f.outliers.spare(f.endpoints[0], kStart, kStart + 3s, 503));
  EXPECT_TRUE(f.outliers.any_to_avoid(kStart));
  EXPECT_EQ(f.at(0, kStart + 2s), Standing::spared);
  EXPECT_EQ(f.at(1, kStart + 2s), Standing::in);
  EXPECT_EQ(f.at(0, kStart + 3s), Standing::in);
  EXPECT_FALSE(f.outliers.any_to_avoid(kStart + 3s));
}

TEST(Outliers, a_pause_is_one_in_the_ledger_however_often_it_is_asked_for) {
  Fixture f(2);
  const auto spare = [&f](TimePoint now, std::chrono::seconds pause) {
    return f.outliers.spare(f.endpoints[0], now, now + pause, 429);
  };
  EXPECT_TRUE(spare(kStart, 3s));
  EXPECT_FALSE(spare(kStart + 2s, 3s)) << "within its pause";
  const auto now = kStart + 4s;
  EXPECT_EQ(f.outliers.totals(now).spared, 1u);
  EXPECT_EQ(f.outliers.totals(now).pauses, 1u);
  EXPECT_EQ(f.outliers.totals(now).ejected, 0u);
  auto entry = f.outliers.entries(now)[0];
  EXPECT_EQ(entry.standing, Standing::spared);
  EXPECT_EQ(entry.until, kStart + 5s);
  EXPECT_EQ(entry.paused, kStart);
  EXPECT_EQ(entry.paused_by, 429);
  EXPECT_EQ(entry.pauses, 1u);

  EXPECT_FALSE(spare(kStart + 6s, 1s)) << "the next one, of which nobody has to hear so soon";
  EXPECT_EQ(f.outliers.totals(kStart + 8s).spared, 0u);
  EXPECT_EQ(f.outliers.totals(kStart + 8s).pauses, 2u);
  EXPECT_FALSE(spare(kStart + 59s, 1s));
  EXPECT_TRUE(spare(kStart + 61s, 1s));
}

TEST(Outliers, no_more_are_spared_than_may_be_left_out) {
  Fixture f(10);
  for (std::size_t i = 0; i < 10; ++i)
    (void)f.outliers.spare(f.endpoints[i], kStart, kStart + 1min, 503);
  EXPECT_EQ(f.outliers.totals(kStart).spared, 5u);
  EXPECT_EQ(f.at(4), Standing::spared);
  EXPECT_EQ(f.at(5), Standing::in);
  (void)f.outliers.spare(f.endpoints[4], kStart + 30s, kStart + 2min, 503);  // Who is may go on.
  EXPECT_EQ(f.at(4, kStart + 90s), Standing::spared);
  (void)f.outliers.spare(f.endpoints[5], kStart + 90s, kStart + 2min, 503);
  EXPECT_EQ(f.at(5, kStart + 90s), Standing::spared) << "there is room again";
}

TEST(Outliers, who_is_left_out_leaves_less_room_to_be_spared) {
  Fixture two(2);
  EXPECT_TRUE(two.eject(0));
  (void)two.outliers.spare(two.endpoints[1], kStart, kStart + 1min, 503);
  EXPECT_EQ(two.at(1), Standing::in);
  Fixture four(4);
  EXPECT_TRUE(four.eject(0));
  for (std::size_t i = 1; i < 4; ++i)
    (void)four.outliers.spare(four.endpoints[i], kStart, kStart + 1min, 503);
  EXPECT_EQ(four.outliers.totals(kStart).spared, 1u);
}

TEST(Outliers, the_only_one_is_spared_since_its_retries_wait) {
  Fixture one(1);
  EXPECT_TRUE(one.outliers.spare(one.endpoints[0], kStart, kStart + 3s, 503));
  EXPECT_EQ(one.at(0), Standing::spared);
}

TEST(Outliers, one_that_is_out_is_not_spared_besides) {
  Fixture f(2);
  (void)f.outliers.spare(f.endpoints[0], kStart, kStart + 1h, 503);
  EXPECT_TRUE(f.eject(0));
  EXPECT_EQ(f.outliers.totals(kStart).ejected, 1u);
  EXPECT_EQ(f.outliers.totals(kStart).spared, 0u);
}

TEST(Outliers, switched_off_ejects_nobody) {
  OutlierSettings settings;
  settings.enabled = false;
  Fixture f(4, settings);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(f.refuse(0));
}

TEST(Outliers, keeps_a_ledger) {
  Fixture f(2);
  for (int i = 0; i < 2; ++i) (void)f.refuse(0);
  (void)f.outliers.settle(f.endpoints[0], false, kStart, Judgement::failure, true,
                          {ErrorCode::connect_refused, 0, {}, 9});
  const auto entries = f.outliers.entries(kStart + 1s);
  const auto entry = std::find_if(entries.begin(), entries.end(),
                                  [](const auto& one) { return one.address == address(1); });
  ASSERT_NE(entry, entries.end());
  EXPECT_EQ(entry->standing, Standing::out);
  EXPECT_EQ(entry->since, kStart);
  EXPECT_EQ(entry->until, kStart + 10s);
  EXPECT_EQ(entry->blame.code, ErrorCode::connect_refused);
  EXPECT_EQ(entry->blame.endpoint, 9u);
  EXPECT_EQ(entry->ejections, 1u);
}

/// What must hold whatever happens: rules of the share, of time, of who may return.
TEST(Outliers, keep_their_rules_in_random_sequences) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    OutlierSettings settings;
    settings.max_ejected = random.unit();
    settings.consecutive = 1 + static_cast<std::uint32_t>(random.below(5));
    settings.connect_failures = 1 + static_cast<std::uint32_t>(random.below(5));
    if (random.unit() < 0.5) settings.error_ratio = 0.3 + 0.5 * random.unit();
    const auto count = 1 + static_cast<unsigned>(random.below(8));
    Fixture f(count, settings);
    std::vector<TimePoint> out_until(count);  // The model: TimePoint() is in.
    std::vector<TimePoint> own_time(count);   // When the ejection is over that is in force.
    std::vector<TimePoint> tried(count);
    std::vector<bool> trying(count, false);
    std::vector<std::uint32_t> row(count, 0);
    TimePoint now = kStart;
    for (int step = 0; step < 2000; ++step) {
      now += std::chrono::milliseconds(random.below(2000));
      const auto i = static_cast<std::size_t>(random.below(count));
      const bool is_out = out_until[i] != TimePoint();
      ASSERT_EQ(f.at(i, now), !is_out               ? Standing::in
                              : now >= out_until[i] ? Standing::due
                                                    : Standing::out);
      if (is_out && now >= out_until[i] && !trying[i]) {
        ASSERT_TRUE(f.outliers.claim(f.endpoints[i], now));
        out_until[i] = now + 10s;
        trying[i] = true;
        continue;
      }
      const auto judgement = random.unit() < 0.5 ? Judgement::failure : Judgement::success;
      const bool unsent = random.unit() < 0.3;
      const auto totals = f.outliers.totals(kStart);
      const auto before = totals.ejected;
      const auto withheld = totals.withheld;
      const auto change = f.outliers.settle(f.endpoints[i], trying[i], now, judgement, unsent, {});
      if (trying[i]) {
        trying[i] = false;
        tried[i] = now;
        const bool is_early = judgement == Judgement::failure && now < own_time[i];
        ASSERT_EQ(change.has_value(), !is_early);
        if (change) {
          ASSERT_EQ(change->ejected, judgement == Judgement::failure);
          own_time[i] = change->ejected ? now + change->out_for : TimePoint();
        }
        out_until[i] = own_time[i];
        row[i] = 0;
        continue;
      }
      if (is_out) {
        ASSERT_FALSE(change);
        continue;
      }
      row[i] = judgement == Judgement::failure ? row[i] + 1 : 0;
      const auto share = static_cast<std::size_t>(settings.max_ejected * count);
      const bool may = before + 1 <= std::max<std::size_t>(share, 1) && before + 1 < count;
      if (change) {
        ASSERT_TRUE(change->ejected && may && judgement == Judgement::failure);
        ASSERT_GE(change->out_for, 10s);
        ASSERT_LE(change->out_for, 5min);
        out_until[i] = own_time[i] = now + change->out_for;
      } else {
        ASSERT_TRUE(row[i] < settings.consecutive || !may);
      }
      // An ejection that is withheld begins the row anew, whatever the reason was.
      const bool was_withheld = f.outliers.totals(kStart).withheld > withheld;
      ASSERT_FALSE(was_withheld && may);
      if (was_withheld || change) row[i] = 0;
      if (!was_withheld) continue;
      std::size_t first = count;
      const auto turn = [&](std::size_t one) { return std::pair(tried[one], out_until[one]); };
      for (std::size_t one = 0; one < count; ++one) {
        if (out_until[one] <= now || trying[one]) continue;
        if (first == count || turn(one) < turn(first)) first = one;
      }
      if (first < count) out_until[first] = now;
    }
  }
}

// Who gives up before we do.

class GivingUp : public testing::Test {
 protected:
  /// All have answered, in 3 ms.
  GivingUp() { all_answer(kStart - 10s); }
  void all_answer(TimePoint now) {
    for (std::size_t i = 0; i < 3; ++i) answer(i, now);
  }
  void answer(std::size_t i, TimePoint now, std::chrono::nanoseconds took = 3ms) {
    f_.outliers.answered(f_.endpoints[i], now, took);
  }
  /// Somebody who asked `begin` after the start.
  std::optional<Outliers::Change> leave(std::size_t i, std::chrono::nanoseconds begin,
                                        std::chrono::nanoseconds waited = 500ms,
                                        bool is_try = false) {
    return f_.outliers.unanswered(f_.endpoints[i], is_try, kStart + begin + waited, waited, {});
  }
  /// Four of a row, half a second each; another answers meanwhile.
  void nearly(std::size_t i) {
    for (int k = 0; k < 4; ++k) EXPECT_FALSE(leave(i, 500ms * k));
    answer(i == 0 ? 1 : 0, kStart + 1s);
  }
  Fixture f_{3};
};

TEST_F(GivingUp, a_row_that_waited_in_vain_ejects) {
  nearly(2);
  const auto change = leave(2, 2s);
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->ejected);
  EXPECT_EQ(change->reason, Reason::unanswered);
  EXPECT_EQ(change->consecutive, 5u);
  EXPECT_EQ(f_.at(2, kStart + 3s), Standing::out);
}

TEST_F(GivingUp, an_answer_ends_the_row) {
  nearly(2);
  answer(2, kStart + 2s);
  EXPECT_FALSE(leave(2, 2s + 200ms));
  nearly(1);
}

TEST_F(GivingUp, who_was_answered_beside_says_nothing) {
  for (int k = 0; k < 100; ++k) {
    answer(2, kStart + 500ms * k + 200ms);
    answer(0, kStart + 500ms * k);
    EXPECT_FALSE(leave(2, 500ms * k));
  }
}

TEST_F(GivingUp, who_leaves_soon_says_nothing) {
  for (int k = 0; k < 100; ++k) {
    answer(0, kStart + 249ms * k);
    EXPECT_FALSE(leave(2, 249ms * k, 249ms));
  }
}

TEST_F(GivingUp, what_is_soon_follows_what_is_usual) {
  for (int k = 0; k < 200; ++k) {
    for (std::size_t i = 0; i < 3; ++i) answer(i, kStart + 100ms * k, 200ms);
  }
  const auto is_left_out = [this](std::chrono::nanoseconds from, std::chrono::nanoseconds waited) {
    std::optional<Outliers::Change> change;
    for (int k = 0; k < 8 && !change; ++k) {
      answer(0, kStart + from + 2s * k, 200ms);
      change = leave(2, from + 2s * k, waited);
    }
    return change.has_value();
  };
  EXPECT_FALSE(is_left_out(30s, 950ms));
  EXPECT_TRUE(is_left_out(60s, 1050ms));
}

TEST_F(GivingUp, five_at_one_moment_are_one) {
  answer(0, kStart + 100ms);
  for (int k = 0; k < 50; ++k) EXPECT_FALSE(leave(2, 1ms * k));
  answer(0, kStart + 1s);
  for (int k = 0; k < 3; ++k) EXPECT_FALSE(leave(2, 300ms * (k + 1)));
  EXPECT_TRUE(leave(2, 1200ms));
}

TEST_F(GivingUp, where_nobody_answers_nobody_is_left_out) {
  for (int k = 0; k < 100; ++k) {
    for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(leave(i, 500ms * k));
  }
}

TEST_F(GivingUp, where_others_let_wait_as_well_it_is_the_requests) {
  for (int k = 0; k < 100; ++k) {
    for (std::size_t i = 0; i < 2; ++i) {
      answer(i, kStart + 500ms * k + 100ms);
      EXPECT_FALSE(leave(i, 500ms * k));
    }
    EXPECT_FALSE(leave(2, 500ms * k));
  }
}

TEST_F(GivingUp, before_anybody_has_answered_nothing_is_long) {
  Fixture fresh(2);
  for (int k = 0; k < 100; ++k) {
    fresh.outliers.answered(fresh.endpoints[0], kStart + 10s * k, 0s);
    const auto now = kStart + 10s * k;
    EXPECT_FALSE(fresh.outliers.unanswered(fresh.endpoints[1], false, now, 9s, {}));
  }
}

TEST_F(GivingUp, never_the_last_one_nor_more_than_the_share) {
  for (int k = 0; k < 30; ++k) {
    answer(0, kStart + 500ms * k);
    (void)leave(1, 500ms * k);
    (void)leave(2, 500ms * k);
  }
  EXPECT_EQ(f_.outliers.totals(kStart).ejected, 1u);
}

TEST_F(GivingUp, a_try_that_waits_in_vain_has_failed_and_one_that_leaves_soon_tells_nothing) {
  nearly(2);
  ASSERT_TRUE(leave(2, 2s));
  const TimePoint due = kStart + 12500ms;
  ASSERT_TRUE(f_.outliers.claim(f_.endpoints[2], due));
  EXPECT_FALSE(leave(2, due - kStart, 100ms, true));
  EXPECT_EQ(f_.at(2, due + 100ms), Standing::due) << "the next one tries";
  ASSERT_TRUE(f_.outliers.claim(f_.endpoints[2], due + 100ms));
  answer(0, due + 200ms);
  const auto change = leave(2, due + 100ms - kStart, 500ms, true);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->reason, Reason::try_failed);
  EXPECT_EQ(change->out_for, 20s);
}

TEST_F(GivingUp, a_row_is_no_longer_than_a_minute) {
  for (int k = 0; k < 50; ++k) {
    answer(0, kStart + 16s * k);
    EXPECT_FALSE(leave(2, 16s * k));
  }
}

TEST_F(GivingUp, a_newcomer_in_its_place_begins_anew) {
  nearly(2);
  std::vector<Outliers::Handle> later;
  for (std::uint64_t version = 2; version < 40; ++version)
    later = f_.outliers.adopt(addresses(2, static_cast<unsigned>(version) * 100), version);
  EXPECT_FALSE(leave(2, 2s)) << "it has left";
}

// Active checks.

std::shared_ptr<HealthBoard> board_of(unsigned count, double panic_threshold = 0.5) {
  HealthCheckSettings settings;
  settings.unhealthy_after = 1;
  settings.healthy_after = 1;
  settings.panic_threshold = panic_threshold;
  auto board = std::make_shared<HealthBoard>(HealthBoard::Rules(settings));
  board->adopt(addresses(count));
  return board;
}
void check(HealthBoard& board, std::size_t i, bool passed) {
  HealthBoard::Finding finding;
  finding.passed = passed;
  (void)board.settle(address(static_cast<unsigned>(i) + 1), finding, kStart, kStart);
}

TEST(Outliers, who_fails_its_checks_is_left_out_as_long_as_they_fail) {
  Fixture f(4);
  const auto board = board_of(4);
  f.outliers.heed(board);
  EXPECT_FALSE(f.outliers.any_to_avoid(kStart));
  check(*board, 1, false);
  f.outliers.heed(board);
  EXPECT_TRUE(f.outliers.any_to_avoid(kStart));
  EXPECT_EQ(f.at(1), Standing::unhealthy);
  EXPECT_EQ(f.at(1, kStart + 1h), Standing::unhealthy);  // No time ends it.
  EXPECT_FALSE(f.outliers.claim(f.endpoints[1], kStart + 1h));
  EXPECT_EQ(f.at(0), Standing::in);
  check(*board, 1, true);
  f.outliers.heed(board);
  EXPECT_EQ(f.at(1), Standing::in);
  EXPECT_FALSE(f.outliers.any_to_avoid(kStart));
}

TEST(Outliers, unhealthy_ones_count_for_the_share_and_the_last_one_is_not_ejected) {
  Fixture f(4);
  const auto board = board_of(4);
  check(*board, 0, false);
  check(*board, 1, false);
  f.outliers.heed(board);
  EXPECT_FALSE(f.eject(2));  // Half of them are out.
  EXPECT_EQ(f.at(2), Standing::in);
  check(*board, 1, true);
  f.outliers.heed(board);
  EXPECT_TRUE(f.eject(2));
}

TEST(Outliers, an_ejected_one_is_asked_again_where_checks_take_the_others) {
  Fixture f(4);
  const auto board = board_of(4, 0.1);
  EXPECT_TRUE(f.eject(0));
  for (std::size_t i = 1; i < 4; ++i) check(*board, i, false);
  f.outliers.heed(board);
  EXPECT_EQ(f.at(0), Standing::due);
  EXPECT_EQ(f.at(1), Standing::unhealthy);
}

TEST(Outliers, other_rules_of_outliers_do_not_forget_what_checks_say) {
  const auto board = board_of(3);
  check(*board, 2, false);
  Outliers outliers{Outliers::Rules(OutlierSettings())};
  outliers.heed(board);
  const auto endpoints = outliers.adopt(addresses(3), 1);
  EXPECT_EQ(outliers.standing(endpoints[2], kStart), Standing::unhealthy);
  EXPECT_EQ(outliers.standing(endpoints[0], kStart), Standing::in);
  outliers.heed(nullptr);  // `health_check` was removed.
  EXPECT_EQ(outliers.standing(endpoints[2], kStart), Standing::in);
  EXPECT_FALSE(outliers.any_to_avoid(kStart));
}

TEST(Outliers, who_leaves_is_not_avoided) {
  Fixture f(3);
  const auto board = board_of(3);
  check(*board, 2, false);
  f.outliers.heed(board);
  EXPECT_TRUE(f.outliers.any_to_avoid(kStart));
  (void)f.outliers.adopt(addresses(2), 2);
  EXPECT_FALSE(f.outliers.any_to_avoid(kStart));
}

}  // namespace
}  // namespace epaulet::resilience

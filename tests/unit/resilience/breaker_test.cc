#include "resilience/breaker.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>
#include <vector>

#include "runtime/random.h"
#include "support/breaker_model.h"

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;
using Reason = Breaker::Reason;

constexpr TimePoint kStart{1000h};

BreakerSettings settings() {
  BreakerSettings settings;
  settings.open_for = 10s;
  settings.max_open_for = 35s;
  return settings;
}

/// Calls, and settles at once. The transition that it made, of either half.
std::optional<Breaker::Change> call(Breaker& breaker, TimePoint now, Judgement judgement,
                                    std::chrono::nanoseconds took = 0s) {
  auto entry = breaker.enter(now);
  EXPECT_TRUE(entry.pass);
  const auto change = breaker.settle(std::move(entry.pass), now, judgement, took, {});
  return change ? change : entry.change;
}

bool refuses(Breaker& breaker, TimePoint now) {
  return !breaker.enter(now).pass;
}

void open_by_row(Breaker& breaker, TimePoint now) {
  while (breaker.is_closed()) (void)call(breaker, now, Judgement::failure);
}

TEST(Breaker, opens_at_half_of_ten_calls_by_default) {
  Breaker breaker{Breaker::Rules(settings())};
  for (int i = 0; i < 9; ++i)
    EXPECT_FALSE(call(breaker, kStart, i % 2 == 0 ? Judgement::failure : Judgement::success));
  const auto change = call(breaker, kStart, Judgement::failure);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->to, State::open);
  EXPECT_EQ(change->reason, Reason::error_ratio);
  EXPECT_EQ(change->sums, (CallWindow::Sums{10, 6, 0}));
  EXPECT_EQ(change->open_for, 10s);
}

TEST(Breaker, fewer_calls_than_min_requests_say_nothing_of_a_ratio) {
  Breaker breaker{Breaker::Rules(settings())};
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(call(breaker, kStart, Judgement::failure));
  EXPECT_TRUE(breaker.is_closed());
}

TEST(Breaker, failures_that_are_older_than_the_window_do_not_count) {
  Breaker breaker{Breaker::Rules(settings())};
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(call(breaker, kStart, Judgement::failure));
  EXPECT_FALSE(call(breaker, kStart + 10s, Judgement::failure));
}

TEST(Breaker, a_row_of_failures_opens_it_and_a_success_ends_the_row) {
  auto by_row = settings();
  by_row.consecutive = 3;
  Breaker breaker{Breaker::Rules(by_row)};
  (void)call(breaker, kStart, Judgement::failure);
  (void)call(breaker, kStart, Judgement::failure);
  (void)call(breaker, kStart, Judgement::success);
  (void)call(breaker, kStart, Judgement::failure);
  EXPECT_FALSE(call(breaker, kStart, Judgement::failure));
  const auto change = call(breaker, kStart, Judgement::failure);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->reason, Reason::consecutive);
  EXPECT_EQ(change->consecutive, 3u);
}

TEST(Breaker, without_error_ratio_a_row_alone_counts) {
  auto by_row = settings();
  by_row.consecutive = 3;
  Breaker breaker{Breaker::Rules(by_row)};
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(call(breaker, kStart, i % 3 == 2 ? Judgement::success : Judgement::failure));
}

TEST(Breaker, slow_answers_open_it_whatever_they_say) {
  auto slow = settings();
  slow.slow.emplace();
  slow.slow->over = 2s;
  Breaker breaker{Breaker::Rules(slow)};
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(call(breaker, kStart, Judgement::success, 2s));
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(call(breaker, kStart, Judgement::success, 2001ms));
  const auto change = call(breaker, kStart, Judgement::no_evidence, 3s);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->reason, Reason::slow);
  EXPECT_EQ(change->sums, (CallWindow::Sums{10, 0, 5, 1}));
}

TEST(Breaker, no_evidence_counts_for_nothing) {
  Breaker breaker{Breaker::Rules(settings())};
  for (int i = 0; i < 9; ++i) (void)call(breaker, kStart, Judgement::failure);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(call(breaker, kStart, Judgement::no_evidence));
  EXPECT_TRUE(call(breaker, kStart, Judgement::failure));
}

TEST(Breaker, a_call_that_was_slow_and_is_no_evidence_else_is_slow_and_no_success) {
  auto rules = settings();
  rules.consecutive = 3;
  rules.error_ratio = 0.5;
  rules.slow.emplace();
  rules.slow->over = 1s;
  Breaker by_row{Breaker::Rules(rules)};
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(call(by_row, kStart, Judgement::failure));
    EXPECT_FALSE(call(by_row, kStart, Judgement::no_evidence, 2s));
  }
  const auto third = call(by_row, kStart, Judgement::failure);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->reason, Reason::consecutive);

  rules.consecutive.reset();
  rules.slow->ratio = 0.95;
  Breaker by_ratio{Breaker::Rules(rules)};
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(call(by_ratio, kStart, Judgement::success));
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(call(by_ratio, kStart, Judgement::no_evidence, 2s));
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(call(by_ratio, kStart, Judgement::failure));
  const auto half = call(by_ratio, kStart, Judgement::failure);
  ASSERT_TRUE(half);
  EXPECT_EQ(half->reason, Reason::error_ratio);
}

TEST(Breaker, refuses_at_once_for_its_time_and_says_how_long) {
  auto by_row = settings();
  by_row.consecutive = 1;
  Breaker breaker{Breaker::Rules(by_row)};
  open_by_row(breaker, kStart);
  EXPECT_EQ(breaker.enter(kStart + 3s).left, 7s);
  EXPECT_TRUE(refuses(breaker, kStart + 10s - 1ns));
  const auto entry = breaker.enter(kStart + 10s);
  EXPECT_TRUE(entry.pass);
  ASSERT_TRUE(entry.change);
  EXPECT_EQ(entry.change->to, State::half_open);
  EXPECT_EQ(breaker.ledger().refused, 2u);
}

TEST(Breaker, admits_no_more_probes_at_once_than_the_rules_say_and_closes_after_as_many) {
  auto by_row = settings();
  by_row.consecutive = 1;
  by_row.probes = 3;
  Breaker breaker{Breaker::Rules(by_row)};
  open_by_row(breaker, kStart);
  const TimePoint then = kStart + 10s;
  std::vector<Breaker::Pass> probes;
  for (int i = 0; i < 3; ++i) probes.push_back(breaker.enter(then).pass);
  for (const auto& probe : probes) EXPECT_TRUE(probe);
  EXPECT_TRUE(refuses(breaker, then));
  EXPECT_FALSE(breaker.settle(std::move(probes[0]), then, Judgement::success, 0s, {}));
  EXPECT_TRUE(refuses(breaker, then));  // One has succeeded, two are out: those will do.
  EXPECT_FALSE(breaker.settle(std::move(probes[1]), then, Judgement::success, 0s, {}));
  const auto closed = breaker.settle(std::move(probes[2]), then, Judgement::success, 0s, {});
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->to, State::closed);
  EXPECT_TRUE(breaker.is_closed());
}

TEST(Breaker, a_probe_that_fails_opens_it_for_twice_as_long_up_to_the_most) {
  auto by_row = settings();
  by_row.consecutive = 1;
  Breaker breaker{Breaker::Rules(by_row)};
  open_by_row(breaker, kStart);
  TimePoint now = kStart;
  for (const auto& [waits, then] : {std::pair{10s, 20s}, {20s, 35s}, {35s, 35s}}) {
    EXPECT_TRUE(refuses(breaker, now + waits - 1ns));
    now += waits;
    const auto change = call(breaker, now, Judgement::failure);
    ASSERT_TRUE(change);
    EXPECT_EQ(change->reason, Reason::probe_failed);
    EXPECT_EQ(change->open_for, then);
  }
  now += 35s;
  ASSERT_EQ(call(breaker, now, Judgement::success)->to, State::closed);
  open_by_row(breaker, now);
  EXPECT_EQ(breaker.enter(now).left, 10s);  // It begins anew.
}

TEST(Breaker, a_probe_that_tells_nothing_gives_its_place_to_another) {
  auto by_row = settings();
  by_row.consecutive = 1;
  Breaker breaker{Breaker::Rules(by_row)};
  open_by_row(breaker, kStart);
  const TimePoint then = kStart + 10s;
  { const auto dropped = breaker.enter(then); }  // Its caller has gone.
  auto next = breaker.enter(then);
  ASSERT_TRUE(next.pass);
  EXPECT_FALSE(breaker.settle(std::move(next.pass), then, Judgement::no_evidence, 0s, {}));
  EXPECT_EQ(call(breaker, then, Judgement::success)->to, State::closed);
}

TEST(Breaker, a_probe_that_never_ends_does_not_hold_it_for_ever) {
  auto by_row = settings();
  by_row.consecutive = 1;
  Breaker breaker{Breaker::Rules(by_row)};
  open_by_row(breaker, kStart);
  const auto endless = breaker.enter(kStart + 10s);
  EXPECT_TRUE(refuses(breaker, kStart + 20s - 1ns));
  EXPECT_EQ(call(breaker, kStart + 20s, Judgement::success)->to, State::closed);
}

TEST(Breaker, a_slow_probe_has_failed) {
  auto slow = settings();
  slow.consecutive = 1;
  slow.slow.emplace();
  slow.slow->over = 1s;
  Breaker breaker{Breaker::Rules(slow)};
  open_by_row(breaker, kStart);
  EXPECT_EQ(call(breaker, kStart + 10s, Judgement::success, 2s)->reason, Reason::probe_failed);
}

TEST(Breaker, what_was_begun_in_an_earlier_state_counts_no_more) {
  auto by_row = settings();
  by_row.consecutive = 1;
  Breaker breaker{Breaker::Rules(by_row)};
  auto old = breaker.enter(kStart);
  auto another = breaker.enter(kStart);
  open_by_row(breaker, kStart);
  EXPECT_FALSE(breaker.settle(std::move(old.pass), kStart, Judgement::failure, 0s, {}));
  EXPECT_EQ(call(breaker, kStart + 10s, Judgement::success)->to, State::closed);
  EXPECT_FALSE(breaker.settle(std::move(another.pass), kStart + 10s, Judgement::failure, 0s, {}));
  EXPECT_TRUE(breaker.is_closed());
}

TEST(Breaker, an_answer_that_breaks_off_is_one_failure_more) {
  auto by_row = settings();
  by_row.consecutive = 2;
  Breaker breaker{Breaker::Rules(by_row)};
  (void)call(breaker, kStart, Judgement::success);
  EXPECT_FALSE(breaker.fail_late(kStart, {}));
  EXPECT_TRUE(breaker.fail_late(kStart, {}));
}

TEST(Breaker, keeps_a_ledger) {
  auto by_row = settings();
  by_row.consecutive = 1;
  Breaker breaker{Breaker::Rules(by_row)};
  auto entry = breaker.enter(kStart);
  (void)breaker.settle(std::move(entry.pass), kStart, Judgement::failure, 0s,
                       {ErrorCode::none, 503, {}, 7});
  const auto ledger = breaker.ledger();
  EXPECT_EQ(ledger.state, State::open);
  EXPECT_EQ(ledger.since, kStart);
  EXPECT_EQ(ledger.until, kStart + 10s);
  EXPECT_EQ(ledger.last.reason, Reason::consecutive);
  EXPECT_EQ(ledger.blame.status, 503);
  EXPECT_EQ(ledger.blame.endpoint, 7u);
  EXPECT_EQ(ledger.transitions[static_cast<std::size_t>(Reason::consecutive)], 1u);
}

BreakerSettings draw_settings(Random& random) {
  BreakerSettings drawn;
  drawn.window = 1s * (1 + static_cast<int>(random.next() % 5));
  drawn.min_requests = 1 + static_cast<std::uint32_t>(random.next() % 10);
  if (random.unit() < 0.7) drawn.error_ratio = 0.2 + 0.6 * random.unit();
  if (random.unit() < 0.5) drawn.consecutive = 2 + static_cast<std::uint32_t>(random.next() % 6);
  if (random.unit() < 0.5) {
    drawn.slow.emplace();
    drawn.slow->over = 500ms;
    drawn.slow->ratio = 0.3 + 0.6 * random.unit();
  }
  if (!drawn.error_ratio && !drawn.consecutive && !drawn.slow) drawn.error_ratio = 0.5;
  drawn.open_for = 500ms * (1 + static_cast<int>(random.next() % 4));
  drawn.max_open_for = drawn.open_for * (1 + static_cast<int>(random.next() % 8));
  drawn.probes = 1 + static_cast<std::uint32_t>(random.next() % 4);
  return drawn;
}

TEST(Breaker, does_what_a_naive_model_does_in_random_sequences) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto drawn = draw_settings(random);
    Breaker breaker{Breaker::Rules(drawn)};
    test::BreakerModel model(drawn);
    std::map<int, Breaker::Pass> out;
    TimePoint now = kStart;
    double fails = random.unit();
    int next = 1;
    for (int step = 0; step < 2000; ++step) {
      now += std::chrono::milliseconds(random.next() % 60);
      if (random.unit() < 0.01) fails = random.unit();
      if (random.unit() < 0.55 || out.empty()) {
        auto entry = breaker.enter(now);
        ASSERT_EQ(static_cast<bool>(entry.pass), model.enter(next, now)) << "step " << step;
        if (entry.pass) out.emplace(next, std::move(entry.pass));
        ++next;
      } else {
        auto one = std::next(out.begin(), static_cast<std::ptrdiff_t>(random.next() % out.size()));
        const auto judgement = random.unit() < 0.05    ? Judgement::no_evidence
                               : random.unit() < fails ? Judgement::failure
                                                       : Judgement::success;
        const auto took = random.unit() < fails / 2 ? 600ms : 100ms;
        model.settle(one->first, now, judgement, took);
        (void)breaker.settle(std::move(one->second), now, judgement, took, {});
        out.erase(one);
      }
      ASSERT_EQ(breaker.ledger().state, model.state()) << "step " << step;
    }
  }
}

TEST(Breaker, many_threads_leave_it_in_one_piece) {
  auto many = settings();
  many.consecutive = 5;
  many.open_for = 1ms;
  many.max_open_for = 4ms;
  many.probes = 2;
  Breaker breaker{Breaker::Rules(many)};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&breaker, t] {
      Random random(t);
      TimePoint now = kStart;
      for (int i = 0; i < 20'000; ++i) {
        now += 10us;
        auto entry = breaker.enter(now);
        if (!entry.pass) continue;
        const auto judgement = random.unit() < 0.5 ? Judgement::failure : Judgement::success;
        if (random.unit() < 0.9)
          (void)breaker.settle(std::move(entry.pass), now, judgement, 0s, {});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // Whatever has happened, it recovers when all is well.
  TimePoint now = kStart + 1h;
  for (int i = 0; i < 10 && !breaker.is_closed(); ++i, now += 10ms)
    (void)call(breaker, now, Judgement::success);
  EXPECT_TRUE(breaker.is_closed());
  const auto ledger = breaker.ledger();
  const auto made = [&](Reason reason) {
    return ledger.transitions[static_cast<std::size_t>(reason)];
  };
  EXPECT_EQ(made(Reason::consecutive), made(Reason::probes_succeeded));
  EXPECT_EQ(made(Reason::consecutive) + made(Reason::probe_failed), made(Reason::time_is_up));
}

}  // namespace
}  // namespace epaulet::resilience

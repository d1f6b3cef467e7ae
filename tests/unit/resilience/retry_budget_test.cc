#include "resilience/retry_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/random.h"

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000h};

int spend_all(RetryBudget& budget, TimePoint now) {
  int spent = 0;
  while (spent < 100'000 && budget.try_spend(now)) ++spent;
  return spent;
}

TEST(RetryBudget, the_floor_is_there_without_any_traffic) {
  RetryBudget budget(0.2, 3);
  EXPECT_EQ(spend_all(budget, kStart), 3);
  EXPECT_EQ(spend_all(budget, kStart + 1s), 0);
}

TEST(RetryBudget, allows_its_share_of_the_first_attempts) {
  RetryBudget budget(0.2, 3);
  for (int i = 0; i < 100; ++i) budget.first_attempt(kStart);
  EXPECT_EQ(spend_all(budget, kStart), 20);
}

TEST(RetryBudget, the_larger_of_share_and_floor_counts_and_not_their_sum) {
  RetryBudget below(0.2, 3);
  for (int i = 0; i < 15; ++i) below.first_attempt(kStart);
  EXPECT_EQ(spend_all(below, kStart), 3);
  RetryBudget above(0.2, 3);
  for (int i = 0; i < 20; ++i) above.first_attempt(kStart);
  EXPECT_EQ(spend_all(above, kStart), 4);
}

TEST(RetryBudget, a_share_is_never_rounded_up) {
  RetryBudget budget(0.2, 0);
  for (int i = 0; i < 4; ++i) budget.first_attempt(kStart);
  EXPECT_EQ(spend_all(budget, kStart), 0);
  budget.first_attempt(kStart);
  EXPECT_EQ(spend_all(budget, kStart), 1);
}

TEST(RetryBudget, none_means_no_retry_at_all) {
  RetryBudget budget(0, 0);
  for (int i = 0; i < 1000; ++i) budget.first_attempt(kStart);
  EXPECT_FALSE(budget.try_spend(kStart));
}

TEST(RetryBudget, what_was_spent_comes_back_after_ten_seconds_and_not_before) {
  RetryBudget budget(0.2, 3);
  EXPECT_EQ(spend_all(budget, kStart), 3);
  EXPECT_EQ(spend_all(budget, kStart + 10s), 0);
  EXPECT_EQ(spend_all(budget, kStart + 10s + 500ms), 3);
}

TEST(RetryBudget, first_attempts_count_for_ten_seconds_at_most) {
  RetryBudget budget(1.0, 0);
  for (int i = 0; i < 10; ++i) budget.first_attempt(kStart);
  EXPECT_TRUE(budget.try_spend(kStart + 9s + 499ms));
  EXPECT_FALSE(budget.try_spend(kStart + 10s));
  EXPECT_FALSE(budget.try_spend(kStart + 16s));  // The slot's place in the ring comes round.
  budget.first_attempt(kStart + 16s);
  EXPECT_FALSE(budget.try_spend(kStart + 16s));  // One first attempt, and one retry in 10 s.
  EXPECT_TRUE(budget.try_spend(kStart + 20s));
}

TEST(RetryBudget, remembers_what_it_was_made_of) {
  const RetryBudget budget(0.25, 7);
  EXPECT_EQ(budget.ratio(), 0.25);
  EXPECT_EQ(budget.floor(), 7U);
}

TEST(PlannedRetry, takes_room_until_it_is_given_up) {
  RetryBudget budget(0, 3);
  {
    PlannedRetry first;
    PlannedRetry second;
    EXPECT_TRUE(first.plan(&budget, kStart));
    EXPECT_TRUE(second.plan(&budget, kStart));
    EXPECT_EQ(spend_all(budget, kStart), 1);
    PlannedRetry third;
    EXPECT_FALSE(third.plan(&budget, kStart + 5s));
  }
  EXPECT_EQ(spend_all(budget, kStart + 5s), 2);
}

TEST(PlannedRetry, counts_from_when_it_is_sent) {
  RetryBudget budget(0, 1);
  PlannedRetry planned;
  ASSERT_TRUE(planned.plan(&budget, kStart));
  EXPECT_TRUE(planned.spend(kStart + 8s));
  EXPECT_EQ(spend_all(budget, kStart + 18s), 0);
  EXPECT_EQ(spend_all(budget, kStart + 18s + 500ms), 1);
}

TEST(PlannedRetry, is_refused_once_the_traffic_is_gone_that_it_was_a_share_of) {
  RetryBudget budget(0.2, 1);
  for (int i = 0; i < 10; ++i) budget.first_attempt(kStart);
  PlannedRetry first;
  PlannedRetry second;
  ASSERT_TRUE(first.plan(&budget, kStart));
  ASSERT_TRUE(second.plan(&budget, kStart));
  EXPECT_TRUE(first.spend(kStart + 11s));
  EXPECT_FALSE(second.spend(kStart + 11s));
  EXPECT_TRUE(second.spend(kStart + 11s)) << "nothing is planned any more";
  EXPECT_EQ(spend_all(budget, kStart + 22s), 1);
}

TEST(PlannedRetry, without_a_budget_or_a_plan_is_free) {
  PlannedRetry planned;
  EXPECT_TRUE(planned.spend(kStart));
  EXPECT_TRUE(planned.plan(nullptr, kStart));
  EXPECT_TRUE(planned.spend(kStart));
}

/// The rule itself, with every attempt remembered.
class Ledger {
 public:
  Ledger(double ratio, std::uint32_t floor) : ratio_(ratio), floor_(floor) {}
  void first(TimePoint now) { firsts_.push_back(now); }
  void retry(TimePoint now) { retries_.push_back(now); }
  /// Whether one more retry at `now` keeps to the bound, with windows of this length.
  [[nodiscard]] bool allows(TimePoint now, std::chrono::nanoseconds firsts_window,
                            std::chrono::nanoseconds retries_window) const {
    const auto since = [now](const auto& times, auto window) {
      return std::count_if(times.begin(), times.end(),
                           [&](TimePoint at) { return at > now - window; });
    };
    const double allowed = std::max(ratio_ * static_cast<double>(since(firsts_, firsts_window)),
                                    static_cast<double>(floor_));
    return static_cast<double>(since(retries_, retries_window) + 1) <= allowed;
  }

 private:
  double ratio_;
  std::uint32_t floor_;
  std::vector<TimePoint> firsts_;
  std::vector<TimePoint> retries_;
};

TEST(RetryBudget, never_exceeds_the_bound_in_any_ten_seconds_and_refuses_for_half_a_second_only) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const double ratio = 0.1 * static_cast<double>(random.below(8));
    const auto floor = static_cast<std::uint32_t>(random.below(5));
    RetryBudget budget(ratio, floor);
    Ledger ledger(ratio, floor);
    TimePoint now = kStart;
    int granted = 0;
    for (int i = 0; i < 1500; ++i) {
      // Bursts, trickles and pauses.
      now +=
          std::chrono::milliseconds(random.below(10) == 0 ? random.below(4000) : random.below(60));
      if (random.below(3) > 0) {
        budget.first_attempt(now);
        ledger.first(now);
      } else if (budget.try_spend(now)) {
        ASSERT_TRUE(ledger.allows(now, 10s, 10s)) << "at " << (now - kStart).count();
        ledger.retry(now);
        ++granted;
      } else {
        ASSERT_FALSE(ledger.allows(now, 9500ms, 10500ms)) << "at " << (now - kStart).count();
      }
    }
    EXPECT_TRUE(granted > 0 || (floor == 0 && ratio < 0.15));
  }
}

TEST(PlannedRetry, never_exceeds_the_bound_when_it_is_sent_and_all_room_comes_back) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const double ratio = 0.1 * static_cast<double>(random.below(8));
    const auto floor = static_cast<std::uint32_t>(random.below(5));
    RetryBudget budget(ratio, floor);
    Ledger ledger(ratio, floor);
    TimePoint now = kStart;
    std::multimap<TimePoint, std::unique_ptr<PlannedRetry>> waiting;
    for (int i = 0; i < 1500; ++i) {
      now +=
          std::chrono::milliseconds(random.below(10) == 0 ? random.below(4000) : random.below(60));
      while (!waiting.empty() && waiting.begin()->first <= now) {
        const bool leaves = random.below(4) == 0;
        if (!leaves && waiting.begin()->second->spend(now)) {
          ASSERT_TRUE(ledger.allows(now, 10s, 10s));
          ledger.retry(now);
        }
        waiting.erase(waiting.begin());
      }
      auto planned = std::make_unique<PlannedRetry>();
      if (random.below(3) > 0) {
        budget.first_attempt(now);
        ledger.first(now);
      } else if (random.below(2) == 0) {
        if (!budget.try_spend(now)) continue;
        ASSERT_TRUE(ledger.allows(now, 10s, 10s));
        ledger.retry(now);
      } else if (planned->plan(&budget, now)) {
        waiting.emplace(now + std::chrono::milliseconds(random.below(15'000)), std::move(planned));
      }
    }
    waiting.clear();
    EXPECT_EQ(spend_all(budget, now + 30s), static_cast<int>(floor));
  }
}

TEST(ResendAllowance, is_three_or_three_in_a_thousand) {
  ResendAllowance allowance;
  EXPECT_EQ(spend_all(allowance, kStart), 3);
  ResendAllowance busy;
  for (int i = 0; i < 2'000; ++i) busy.first_attempt(kStart);
  EXPECT_EQ(spend_all(busy, kStart), 6);
}

TEST(RetryBudget, is_one_number_for_all_threads) {
  RetryBudget budget(0.1, 5);
  budget.first_attempt(kStart);
  std::atomic<int> spent{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) budget.first_attempt(kStart);
      for (int i = 0; i < 300; ++i) spent += budget.try_spend(kStart) ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  spent += spend_all(budget, kStart);
  EXPECT_EQ(spent, 400);
}

}  // namespace
}  // namespace epaulet::resilience

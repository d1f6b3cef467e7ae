#include <gtest/gtest.h>

#include <cmath>

#include "balance/load.h"
#include "runtime/random.h"

namespace epaulet::balance {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LoadTest : public testing::Test {
 protected:
  void answer(Load::Time took) {
    load_->begin(Flight::request, now_);
    load_->end();
    load_->answered(took, now_);
  }
  /// With a request under way all the time no answer is that of a look.
  void keep_busy() { load_->begin(Flight::tunnel, now_); }
  [[nodiscard]] double latency_ms() const { return load_->latency(now_) / 1e6; }

  TimePoint now_{seconds(1000)};
  LoadPtr load_{new Load(now_)};
};

TEST_F(LoadTest, who_was_never_asked_is_expected_to_take_no_time) {
  EXPECT_EQ(latency_ms(), 0);
}

TEST_F(LoadTest, who_has_not_answered_yet_is_not_asked_by_a_crowd) {
  load_->begin(Flight::request, now_);
  EXPECT_EQ(latency_ms(), 1000);
  EXPECT_EQ(load_->outstanding(), 1U);
  load_->answered(milliseconds(3), now_);
  EXPECT_EQ(latency_ms(), 3);
  EXPECT_EQ(load_->outstanding(), 1U);  // Its answer is still being read.
  load_->end();
  EXPECT_EQ(load_->outstanding(), 0U);
}

TEST_F(LoadTest, a_slower_answer_counts_at_once) {
  answer(milliseconds(2));
  answer(milliseconds(200));
  EXPECT_EQ(latency_ms(), 200);
}

TEST_F(LoadTest, a_faster_answer_counts_by_the_time_that_has_passed) {
  keep_busy();
  answer(milliseconds(100));
  answer(milliseconds(1));
  EXPECT_EQ(latency_ms(), 100);  // No time has passed.
  now_ += Load::kDecay;
  answer(milliseconds(1));
  EXPECT_NEAR(latency_ms(), 100 / M_E + 1 - 1 / M_E, 1e-9);
}

TEST_F(LoadTest, who_was_left_alone_is_due_for_a_look_each_twice_as_late) {
  answer(milliseconds(100));
  EXPECT_FALSE(load_->is_due(now_));
  auto wait = Load::kLook;
  for (int looks = 0; looks < 4; ++looks, wait *= 2) {
    now_ += wait - Load::Time(1);
    EXPECT_FALSE(load_->is_due(now_));
    now_ += Load::Time(1);
    ASSERT_TRUE(load_->is_due(now_));
    load_->begin(Flight::request, now_);
    EXPECT_FALSE(load_->is_due(now_ + std::chrono::hours(1)));  // One finds out, not a crowd.
    load_->answered(milliseconds(100), now_);
    load_->end();
  }
  for (std::uint32_t i = 0; i < Load::kInUse; ++i) answer(milliseconds(1));
  EXPECT_TRUE(load_->is_due(now_ + Load::kLook));
}

TEST_F(LoadTest, what_a_look_finds_is_news) {
  answer(milliseconds(100));
  now_ += Load::kLook;
  load_->begin(Flight::request, now_);
  load_->answered(milliseconds(1), now_);
  load_->end();
  EXPECT_EQ(latency_ms(), 1);
}

TEST_F(LoadTest, it_is_the_peak_ewma_of_the_book) {
  Random random(7);
  keep_busy();
  answer(milliseconds(1));
  double book = 1;
  for (int i = 0; i < 1000; ++i) {
    const auto step = Load::Time(static_cast<std::int64_t>(random.below(3'000'000'000)));
    const auto took = Load::Time(static_cast<std::int64_t>(random.below(50'000'000)));
    now_ += step;
    answer(took);
    const double sample = static_cast<double>(took.count()) / 1e6;
    const double kept = std::exp(-static_cast<double>(step.count()) / 10e9);
    book = sample >= book ? sample : book * kept + sample * (1 - kept);
    ASSERT_NEAR(latency_ms(), book, 1e-6) << i;
  }
}

TEST_F(LoadTest, what_was_slow_is_forgotten) {
  answer(seconds(5));
  now_ += Load::kForgotten - Load::Time(1);
  EXPECT_NEAR(latency_ms(), 5000 * std::exp(-3.0), 1);
  now_ += Load::Time(1);
  EXPECT_EQ(latency_ms(), 0);
  load_->begin(Flight::request, now_);  // And so is what was known: one request finds out anew.
  EXPECT_EQ(latency_ms(), 1000);
}

TEST_F(LoadTest, a_fast_failure_makes_it_no_fast_endpoint) {
  answer(milliseconds(2));
  double before = latency_ms();
  for (int i = 0; i < 20; ++i) {
    load_->failed(Load::Time(1000), now_);
    EXPECT_GT(latency_ms(), before - 1e-9);
    before = latency_ms();
  }
  EXPECT_EQ(before, 1000);  // At most, so that it is asked again one day.
}

TEST_F(LoadTest, a_slow_failure_counts_as_slow_as_it_was) {
  answer(milliseconds(2));
  load_->failed(seconds(3), now_);
  EXPECT_EQ(latency_ms(), 3000);
}

TEST_F(LoadTest, who_has_waited_in_vain_makes_it_slower_and_never_faster) {
  keep_busy();
  answer(milliseconds(3));
  load_->unanswered(milliseconds(500), now_);
  EXPECT_EQ(latency_ms(), 500);
  load_->unanswered(milliseconds(10), now_);  // Of a caller that left soon.
  EXPECT_EQ(latency_ms(), 500);
  now_ += Load::kDecay;
  const double decayed = latency_ms();
  load_->unanswered(milliseconds(100), now_);
  EXPECT_EQ(latency_ms(), decayed);
  load_->unanswered(milliseconds(500), now_);
  EXPECT_EQ(latency_ms(), 500);
}

TEST_F(LoadTest, who_has_waited_in_vain_has_found_nothing) {
  answer(seconds(2));
  now_ += Load::kLook;
  load_->begin(Flight::request, now_);  // A look,
  load_->unanswered(milliseconds(60), now_);
  load_->end();
  EXPECT_NEAR(latency_ms(), 2000 * std::exp(-0.01), 1e-6);
  load_->begin(Flight::request, now_);
  load_->answered(milliseconds(3), now_);  // which ends with an answer.
  EXPECT_EQ(latency_ms(), 3);
}

TEST_F(LoadTest, before_the_first_answer_who_has_waited_in_vain_keeps_others_away) {
  load_->begin(Flight::request, now_);
  load_->unanswered(milliseconds(500), now_);
  EXPECT_EQ(latency_ms(), 1000);
  load_->unanswered(seconds(4), now_);
  EXPECT_EQ(latency_ms(), 4000);
  load_->answered(milliseconds(3), now_);
  EXPECT_EQ(latency_ms(), 3);
}

TEST_F(LoadTest, a_tunnel_is_under_way_and_says_nothing_of_latency) {
  load_->begin(Flight::tunnel, now_);
  EXPECT_EQ(load_->outstanding(), 1U);
  EXPECT_EQ(latency_ms(), 0);
}

TEST_F(LoadTest, what_is_under_way_ends_once_however_it_is_moved) {
  InFlight first(load_, Flight::request, now_);
  InFlight second(std::move(first));
  EXPECT_EQ(load_->outstanding(), 1U);
  first = std::move(second);
  EXPECT_EQ(load_->outstanding(), 1U);
  {
    const InFlight third(load_, Flight::tunnel, now_);
    EXPECT_EQ(load_->outstanding(), 2U);
  }
  first = InFlight(load_, Flight::request, now_);
  EXPECT_EQ(load_->outstanding(), 1U);
  first.let_go();
  first.let_go();
  EXPECT_EQ(load_->outstanding(), 0U);
}

}  // namespace
}  // namespace epaulet::balance

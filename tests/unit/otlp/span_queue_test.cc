#include "otlp/span_queue.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace epaulet::otlp {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

SpanQueue queue_of(std::size_t most, std::size_t spans) {
  SpanQueue queue;
  queue.configure(most, 5s);
  for (std::size_t i = 0; i < spans; ++i) queue.push("span", kStart);
  return queue;
}

TEST(SpanQueue, a_span_waits_for_others_for_an_interval) {
  auto queue = queue_of(100, 0);
  EXPECT_FALSE(queue.next());
  queue.push("a", kStart);
  queue.push("b", kStart + 3s);
  EXPECT_EQ(queue.next(), kStart + 5s);
  const auto batch = queue.batch(kStart + 5s);
  ASSERT_EQ(batch.size(), 2u);
  EXPECT_EQ(batch[0], "a");
  queue.taken(0, kStart + 5s);
  EXPECT_EQ(queue.sent(), 2u);
  EXPECT_FALSE(queue.next());
}

TEST(SpanQueue, a_full_batch_goes_at_once) {
  auto queue = queue_of(10'000, limits::kSpanBatchMax + 1);
  EXPECT_EQ(queue.next(), kStart);
  EXPECT_EQ(queue.batch(kStart).size(), limits::kSpanBatchMax);
  queue.taken(0, kStart + 1s);
  EXPECT_EQ(queue.next(), kStart + 6s) << "the one that is left waits for others";
}

TEST(SpanQueue, what_is_beyond_the_bound_is_dropped_and_counted) {
  auto queue = queue_of(10, 15);
  EXPECT_EQ(queue.waiting(), 10u);
  EXPECT_EQ(queue.dropped(Drop::queue_full), 5u);
  (void)queue.batch(kStart);
  queue.push("c", kStart);
  EXPECT_EQ(queue.dropped(Drop::queue_full), 6u) << "what is being sent still counts";
  queue.taken(0, kStart);
  queue.push("c", kStart);
  EXPECT_EQ(queue.waiting(), 1u);
}

TEST(SpanQueue, a_smaller_bound_drops_the_newest) {
  SpanQueue queue;
  queue.configure(10, 5s);
  for (const auto* name : {"a", "b", "c"}) queue.push(name, kStart);
  queue.configure(2, 5s);
  const auto batch = queue.batch(kStart);
  ASSERT_EQ(batch.size(), 2u);
  EXPECT_EQ(batch[1], "b");
  EXPECT_EQ(queue.dropped(Drop::queue_full), 1u);
}

TEST(SpanQueue, a_batch_that_fails_is_sent_again_later_and_later) {
  auto queue = queue_of(100, 3);
  auto now = kStart + 5s;
  (void)queue.batch(now);
  auto before = 0ns;
  for (int i = 0; i < 4; ++i) {
    queue.failed(now, 0s, 0.999);
    const auto pause = *queue.next() - now;
    EXPECT_GT(pause, before);
    before = pause;
    queue.push("new", now);
    EXPECT_EQ(queue.batch(now).size(), 3u) << "the same one";
    now = *queue.next();
  }
  queue.taken(0, now);
  EXPECT_EQ(queue.sent(), 3u);
  EXPECT_EQ(queue.waiting(), 4u);
}

TEST(SpanQueue, who_asks_for_a_pause_gets_it) {
  auto queue = queue_of(100, 1);
  (void)queue.batch(kStart);
  queue.failed(kStart, 45s, 0);
  EXPECT_EQ(queue.next(), kStart + 45s);
}

TEST(SpanQueue, a_batch_is_given_up_at_last) {
  auto queue = queue_of(100, 3);
  auto now = kStart;
  (void)queue.batch(now);
  int tries = 0;
  while (queue.waiting() > 0) {
    ASSERT_LT(++tries, 100);
    queue.failed(now, 0s, 0.5);
    if (const auto next = queue.next()) now = *next;
  }
  EXPECT_EQ(queue.dropped(Drop::unreachable), 3u);
  EXPECT_GE(now - kStart, limits::kSpanGiveUpAfter);
  EXPECT_LE(now - kStart, limits::kSpanGiveUpAfter + limits::kSpanBackoffMax);
}

TEST(SpanQueue, what_is_not_wanted_is_counted) {
  auto queue = queue_of(100, 5);
  (void)queue.batch(kStart);
  queue.taken(2, kStart);
  EXPECT_EQ(queue.sent(), 3u);
  EXPECT_EQ(queue.dropped(Drop::refused), 2u);
  queue.push("x", kStart);
  (void)queue.batch(kStart);
  queue.taken(1000, kStart);
  EXPECT_EQ(queue.dropped(Drop::refused), 3u) << "no more than there were";
  queue.push("x", kStart);
  (void)queue.batch(kStart);
  queue.refused(kStart);
  EXPECT_EQ(queue.dropped(Drop::refused), 4u);
  queue.push("x", kStart);
  queue.drop_all(Drop::shutdown);
  EXPECT_EQ(queue.dropped(Drop::shutdown), 1u);
  EXPECT_EQ(queue.waiting(), 0u);
}

}  // namespace
}  // namespace epaulet::otlp

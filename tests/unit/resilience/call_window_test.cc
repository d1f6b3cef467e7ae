#include "resilience/call_window.h"

#include <gtest/gtest.h>

#include <deque>

#include "runtime/random.h"

namespace epaulet::resilience {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000h};

TEST(CallWindow, counts_what_is_added) {
  CallWindow window(10s);
  window.add(kStart, false, false);
  window.add(kStart + 3s, true, false);
  window.add(kStart + 5s, true, true);
  EXPECT_EQ(window.sums(kStart + 5s), (CallWindow::Sums{3, 2, 1}));
}

TEST(CallWindow, forgets_after_the_window_and_not_before_nine_tenths_of_it) {
  CallWindow window(10s);
  window.add(kStart, true, false);
  EXPECT_EQ(window.sums(kStart + 9s).calls, 1u);
  EXPECT_EQ(window.sums(kStart + 10s).calls, 0u);
  window.add(kStart + 999ms, true, false);
  EXPECT_EQ(window.sums(kStart + 9999ms).calls, 2u);
}

TEST(CallWindow, a_slot_is_empty_when_its_turn_comes_again) {
  CallWindow window(1s);
  for (int i = 0; i < 100; ++i) window.add(kStart, true, true);
  window.add(kStart + 1600ms, false, false);  // The same slot, sixteen later.
  EXPECT_EQ(window.sums(kStart + 1600ms), (CallWindow::Sums{1, 0, 0}));
}

TEST(CallWindow, a_clock_that_is_a_little_behind_loses_nothing) {
  CallWindow window(10s);
  window.add(kStart + 2s, true, false);
  window.add(kStart, true, false);
  EXPECT_EQ(window.sums(kStart).calls, 2u);
  EXPECT_EQ(window.sums(kStart + 2s).calls, 2u);
}

TEST(CallWindow, is_as_a_list_of_calls_would_count) {
  Random random(7);
  CallWindow window(5s);
  std::deque<std::pair<std::int64_t, std::pair<bool, bool>>> calls;  // By tenth of the window.
  TimePoint now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds(random.next() % 300);
    const std::int64_t tenth = now.time_since_epoch() / 500ms;
    while (!calls.empty() && calls.front().first <= tenth - 10) calls.pop_front();
    if (random.unit() < 0.7) {
      const bool failed = random.unit() < 0.3;
      const bool slow = random.unit() < 0.3;
      window.add(now, failed, slow);
      calls.push_back({tenth, {failed, slow}});
    }
    CallWindow::Sums expected;
    for (const auto& [when, call] : calls) {
      ++expected.calls;
      expected.failures += call.first ? 1 : 0;
      expected.slow += call.second ? 1 : 0;
    }
    ASSERT_EQ(window.sums(now), expected) << i;
  }
}

}  // namespace
}  // namespace epaulet::resilience

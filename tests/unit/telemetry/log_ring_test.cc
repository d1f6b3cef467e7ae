#include "telemetry/log_ring.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace epaulet::telemetry {
namespace {

std::string take(LogRing& ring) {
  const auto waiting = ring.waiting();
  std::string text(waiting.first);
  text += waiting.second;
  ring.release(waiting.size());
  return text;
}

TEST(LogRing, gives_lines_back_in_order) {
  LogWake wake;
  LogRing ring(wake);
  EXPECT_TRUE(ring.push("one\n"));
  EXPECT_TRUE(ring.push("two\n"));
  EXPECT_EQ(take(ring), "one\ntwo\n");
  EXPECT_EQ(take(ring), "");
}

TEST(LogRing, refuses_a_line_for_which_it_has_no_room_and_takes_it_later) {
  LogWake wake;
  LogRing ring(wake);
  const std::string line = std::string(999, 'x') + "\n";
  std::size_t taken = 0;
  while (ring.push(line)) ++taken;
  EXPECT_EQ(taken, limits::kLogRingBytes / line.size());
  EXPECT_TRUE(ring.push("short\n"));  // It is whole lines or nothing, not the first refusal.
  ring.release(line.size());
  EXPECT_TRUE(ring.push(line));
  EXPECT_FALSE(ring.push(line));
}

TEST(LogRing, fills_up_to_the_last_byte) {
  LogWake wake;
  LogRing ring(wake);
  EXPECT_TRUE(ring.push(std::string(limits::kLogRingBytes - 1, 'x') + "\n"));
  EXPECT_FALSE(ring.push("\n"));
}

TEST(LogRing, goes_round_in_the_middle_of_a_line) {
  LogWake wake;
  LogRing ring(wake);
  const std::string line = "0123456789abcdef0123456789abcdef!\n";
  for (std::size_t i = 0; i < 3 * limits::kLogRingBytes / line.size(); ++i) {
    ASSERT_TRUE(ring.push(line));
    ASSERT_EQ(take(ring), line);
  }
}

// For ThreadSanitizer.
TEST(LogRing, passes_lines_from_one_thread_to_another) {
  LogWake wake;
  LogRing ring(wake);
  constexpr int kLines = 20000;
  std::thread producer([&] {
    for (int i = 0; i < kLines;) {
      if (ring.push("line " + std::to_string(i) + "\n")) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::string all;
  while (all.size() < 8 || !all.ends_with("line " + std::to_string(kLines - 1) + "\n")) {
    all += take(ring);
  }
  producer.join();
  std::string expected;
  for (int i = 0; i < kLines; ++i) expected += "line " + std::to_string(i) + "\n";
  EXPECT_TRUE(all == expected);
}

}  // namespace
}  // namespace epaulet::telemetry

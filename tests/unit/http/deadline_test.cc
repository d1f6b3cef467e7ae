#include "http/deadline.h"

#include <gtest/gtest.h>

namespace epaulet::http {
namespace {

using namespace std::chrono_literals;

std::optional<std::chrono::nanoseconds> read(std::string_view value) {
  RequestHead head;
  head.fields.push_back({"X-Epaulet-Deadline", value, {}, field_id("x-epaulet-deadline"), false});
  return deadline_in(head);
}

TEST(Deadline, is_read_in_milliseconds) {
  EXPECT_EQ(read("0"), 0ms);
  EXPECT_EQ(read("1500"), 1500ms);
  EXPECT_EQ(read("86400000"), 24h);
}

TEST(Deadline, is_a_day_at_most) {
  EXPECT_EQ(read("86400001"), 24h);
  EXPECT_EQ(read("9999999999999999999999"), 24h);
}

TEST(Deadline, what_is_malformed_is_none) {
  for (const auto* text : {"", "-1", "-0", "+1", "1.5", "1s", " 1", "1 ", "-99999999999999999999"})
    EXPECT_FALSE(read(text)) << text;
  EXPECT_FALSE(deadline_in(RequestHead()));
}

TEST(Deadline, is_written_rounded_up) {
  EXPECT_EQ(DeadlineText(1500ms).milliseconds(), "1500");
  EXPECT_EQ(DeadlineText(1500ms + 1ns).milliseconds(), "1501");
  EXPECT_EQ(DeadlineText(0ms).milliseconds(), "1");
  EXPECT_EQ(DeadlineText(-5s).milliseconds(), "1");
  EXPECT_EQ(DeadlineText(1h).grpc(), "3600000m");
  EXPECT_EQ(DeadlineText(1000h).grpc(), "86400000m");
}

}  // namespace
}  // namespace epaulet::http

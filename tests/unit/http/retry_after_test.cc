#include "http/retry_after.h"

#include <gtest/gtest.h>

#include <string>

namespace epaulet::http {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 6) + 8h + 49min;

std::optional<std::chrono::nanoseconds> read(std::string_view value, std::uint16_t status = 503) {
  ResponseHead head;
  head.status = status;
  head.fields.push_back({"Retry-After", value, {}, FieldId::retry_after, false});
  return retry_after(head, kNow);
}

TEST(RetryAfter, seconds) {
  EXPECT_EQ(read("0"), 0s);
  EXPECT_EQ(read("12"), 12s);
  EXPECT_EQ(read("300"), 5min);
}

TEST(RetryAfter, at_most_five_minutes) {
  EXPECT_EQ(read("301"), 5min);
  EXPECT_EQ(read("99999999999999999999999"), 5min);
  EXPECT_EQ(read("Fri, 31 Dec 9999 23:59:59 GMT"), 5min);
  EXPECT_EQ(read("Sun, 08 Nov 2026 08:49:30 GMT"), 5min);
}

TEST(RetryAfter, dates_in_all_three_forms) {
  EXPECT_EQ(read("Fri, 06 Nov 2026 08:49:37 GMT"), 37s);
  EXPECT_EQ(read("Friday, 06-Nov-26 08:49:37 GMT"), 37s);
  EXPECT_EQ(read("Fri Nov  6 08:49:37 2026"), 37s);
}

TEST(RetryAfter, a_date_that_has_passed_is_now) {
  EXPECT_EQ(read("Fri, 06 Nov 2026 08:48:37 GMT"), 0s);
  EXPECT_EQ(read("Sun, 06 Nov 1994 08:49:37 GMT"), 0s);
}

TEST(RetryAfter, what_is_malformed_is_none) {
  for (const auto* text :
       {"", "-1", "1.5", "12s", " 12", "soon", "Fri, 06 Nov 2026 08:49:37",
        "Fri, 31 Feb 2026 08:49:37 GMT", "Fri, 06 Nov 2026 25:49:37 GMT",
        "Fri, 06 Nov 2026 08:49:37 GMT+1", "Fri, 6 Nov 2026 08:49:37 GMT",
        "Fri, 06 nov 2026 08:49:37 GMT", "Fri", "Fri,", ",,", "Fri Nov  6 08:49:37 202"})
    EXPECT_FALSE(read(text)) << text;
}

TEST(RetryAfter, only_of_429_and_503) {
  EXPECT_EQ(read("12", 429), 12s);
  EXPECT_FALSE(read("12", 200));
  EXPECT_FALSE(read("12", 301));
}

TEST(RetryAfter, none_where_there_is_none) {
  ResponseHead head;
  head.status = 503;
  EXPECT_FALSE(retry_after(head, kNow));
}

}  // namespace
}  // namespace epaulet::http

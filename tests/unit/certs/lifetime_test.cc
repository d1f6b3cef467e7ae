#include "certs-tool/lifetime.h"

#include <gtest/gtest.h>

namespace epaulet::certs {
namespace {

using namespace std::chrono_literals;

TEST(LifetimeTest, a_number_and_a_unit_make_a_lifetime) {
  EXPECT_EQ(*parse_lifetime("1s"), 1s);
  EXPECT_EQ(*parse_lifetime("45m"), 45min);
  EXPECT_EQ(*parse_lifetime("45min"), 45min);
  EXPECT_EQ(*parse_lifetime("24h"), 24h);
  EXPECT_EQ(*parse_lifetime("3650d"), 24h * 3650);
  EXPECT_EQ(*parse_lifetime("36500d"), 24h * 36500);
}

TEST(LifetimeTest, everything_else_is_refused_with_an_example) {
  for (const char* text : {"", "24", "h", "0h", "-1h", "1.5h", "24 h", "24hours", "1h30m", "36501d",
                           "99999999999999999999d", "9223372036854775807d", "24H"}) {
    const auto lifetime = parse_lifetime(text);
    ASSERT_FALSE(lifetime.has_value()) << text;
    EXPECT_NE(lifetime.error().remedy.find("24h"), std::string::npos);
  }
}

}  // namespace
}  // namespace epaulet::certs

#include "telemetry/plain_text.h"

#include <gtest/gtest.h>

namespace epaulet::telemetry {
namespace {

TEST(TimeText, is_rfc_3339_with_microseconds) {
  using namespace std::chrono;
  EXPECT_EQ(TimeText(WallTime{}).view(), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(TimeText(WallTime(seconds(1'760'000'000) + nanoseconds(1'234'999))).view(),
            "2025-10-09T08:53:20.001234Z");
  EXPECT_EQ(TimeText(WallTime(sys_days(2028y / 2 / 29) + 23h + 59min + 59s)).view(),
            "2028-02-29T23:59:59.000000Z");
  EXPECT_EQ(TimeText(WallTime(seconds(-1))).view(), "1969-12-31T23:59:59.000000Z");
}

TEST(AddressText, is_what_the_address_itself_says) {
  for (const char* text : {"10.0.0.1:80", "255.255.255.255:65535", "0.0.0.0:0", "[::1]:8080",
                           "[fd00:e9a0:1234:5678:9abc:def0:1234:5678]:65535"}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(AddressText(*address).view(), text);
    EXPECT_EQ(AddressText(*address).view(), address->to_string());
  }
}

}  // namespace
}  // namespace epaulet::telemetry

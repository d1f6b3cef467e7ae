#include "enroll/service_url.h"

#include <gtest/gtest.h>

namespace epaulet::enroll {
namespace {

TEST(ServiceUrlTest, takes_names_and_addresses_with_and_without_port) {
  const auto name = parse_service_url("https://identity.mesh:7000");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->host, "identity.mesh");
  EXPECT_EQ(name->port, 7000);
  EXPECT_FALSE(name->address.has_value());
  EXPECT_EQ(parse_service_url("https://identity.mesh")->port, 15014);
  const auto v4 = parse_service_url("https://10.0.0.1:99");
  EXPECT_EQ(v4->address->to_string(), "10.0.0.1");
  EXPECT_EQ(v4->port, 99);
  EXPECT_EQ(v4->host, "");
  EXPECT_EQ(parse_service_url("https://10.0.0.1")->port, 15014);
  EXPECT_EQ(parse_service_url("https://[fd00::1]:99")->address->to_string(), "fd00::1");
}

TEST(ServiceUrlTest, refuses_what_is_none) {
  for (const char* text : {"", "http://identity", "https://", "https://a:0", "https://a:x",
                           "https://a:70000", "https://:80"}) {
    EXPECT_FALSE(parse_service_url(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace epaulet::enroll

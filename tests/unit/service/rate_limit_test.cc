#include "certs-tool/service/rate_limit.h"

#include <gtest/gtest.h>

namespace epaulet::certs {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000h};

IpAddress address(const std::string& text) {
  return *IpAddress::parse(text);
}

TEST(RateLimitTest, a_source_has_a_burst_and_then_its_rate) {
  RateLimit limit({.per_second = 2, .burst = 3});
  const auto source = address("10.0.0.1");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.admit(source, kStart));
  EXPECT_FALSE(limit.admit(source, kStart));
  EXPECT_FALSE(limit.admit(source, kStart + 499ms));
  EXPECT_TRUE(limit.admit(source, kStart + 500ms));
  EXPECT_TRUE(limit.admit(address("10.0.0.2"), kStart)) << "another one is not held up";
}

TEST(RateLimitTest, an_ipv6_host_is_its_network) {
  RateLimit limit({.per_second = 1, .burst = 1});
  EXPECT_TRUE(limit.admit(address("fd00::1"), kStart));
  EXPECT_FALSE(limit.admit(address("fd00::2"), kStart));
  EXPECT_TRUE(limit.admit(address("fd00:0:0:1::1"), kStart));
}

TEST(RateLimitTest, is_bounded_and_forgets_the_quiet_first) {
  RateLimit limit({.per_second = 1, .burst = 2}, 2);
  EXPECT_TRUE(limit.admit(address("10.0.0.1"), kStart));
  EXPECT_TRUE(limit.admit(address("10.0.0.2"), kStart));
  for (int i = 3; i < 10; ++i) (void)limit.admit(address("10.0.0." + std::to_string(i)), kStart);
  EXPECT_LE(limit.sources(), 2u);
  EXPECT_TRUE(limit.admit(address("10.0.0.1"), kStart)) << "a known one keeps what it has";
  EXPECT_TRUE(limit.admit(address("10.0.0.3"), kStart + 1min));
}

}  // namespace
}  // namespace epaulet::certs

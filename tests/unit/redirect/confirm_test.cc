#include "redirect/confirm.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace epaulet::redirect {
namespace {

TEST(Confirm, dials_into_the_virtual_network_at_a_port_that_is_not_excluded) {
  RedirectOptions options;
  EXPECT_EQ(confirmed_address(options, true).to_string(), "240.0.0.1:80");
  EXPECT_EQ(confirmed_address(options, false).to_string(), "[fd00:e9a0::1]:80");
  options.exclude_outbound_ports = {80, 81, 443};
  options.virtual_v4 = *IpNetwork::parse("100.64.7.9/10");
  EXPECT_EQ(confirmed_address(options, true).to_string(), "100.64.0.1:82");
}

TEST(Confirm, needs_a_user_that_is_redirected) {
  RedirectOptions options;
  options.uid = ::getuid();
  auto checks = confirm_rules(options, {});
  ASSERT_FALSE(checks.has_value());
  EXPECT_NE(checks.error().what.find("is not redirected"), std::string::npos);
  options.uid = ::getuid() + 1;
  options.include_uids = {options.uid + 1};
  EXPECT_FALSE(confirm_rules(options, {}).has_value());
}

TEST(Confirm, refuses_a_resolver_that_nobody_outside_knows_of) {
  RedirectOptions options;
  options.loopback_nameservers = {*IpAddress::parse("127.0.0.53")};
  const auto checks = confirm_rules(options, {});
  ASSERT_FALSE(checks.has_value());
  EXPECT_NE(checks.error().what.find("127.0.0.53"), std::string::npos);
  EXPECT_NE(checks.error().remedy.find("dnsPolicy"), std::string::npos);
}

}  // namespace
}  // namespace epaulet::redirect

#include "redirect/options.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace epaulet::redirect {
namespace {

std::string all(const RedirectOptions& options) {
  std::string text;
  for (const auto& one : contradictions(options)) text += one + "\n";
  return text;
}

TEST(RedirectOptions, are_free_of_contradictions_by_default) {
  EXPECT_EQ(all({}), "");
}

TEST(RedirectOptions, put_the_proxys_user_first_among_the_exempt_and_repeat_nobody) {
  RedirectOptions options;
  options.exclude_uids = {4000, 1337, 4000, 5000};
  EXPECT_EQ(options.exempt_uids(), (std::vector<std::uint32_t>{1337, 4000, 5000}));
}

TEST(RedirectOptions, name_what_is_included_and_excluded_at_once) {
  RedirectOptions options;
  options.include_uids = {1000};
  options.include_inbound_ports = {8080};
  options.include_outbound_ports = {80};
  EXPECT_TRUE(contradictions(options).empty());
  options.include_uids = {1337};
  options.include_inbound_ports = {15008};
  options.include_outbound_ports = {0, 3306};
  options.exclude_outbound_ports = {3306};
  const auto said = all(options);
  for (const auto* place : {"--include-uid 1337", "--include-inbound-port 15008", "port 0 cannot",
                            "port 3306 is given to --include-outbound-port"}) {
    EXPECT_NE(said.find(place), std::string::npos) << place << " in " << said;
  }
}

TEST(RedirectOptions, let_the_direct_ports_and_the_excluded_ones_in_once) {
  RedirectOptions options;
  options.exclude_inbound_ports = {9000, 15008};
  EXPECT_EQ(options.direct_ports(), (std::vector<std::uint16_t>{15008, 15020, 15021, 9000}));
}

TEST(RedirectOptions, refuse_to_exempt_root) {
  RedirectOptions options;
  options.uid = 0;
  EXPECT_NE(all(options).find("--uid 0"), std::string::npos);
}

TEST(RedirectOptions, refuse_ports_that_collide) {
  RedirectOptions options;
  options.inbound_port = options.outbound_port;
  EXPECT_NE(all(options).find("both 15001"), std::string::npos);

  options = {};
  options.dns_port = 15006;
  EXPECT_NE(all(options).find("--dns-port 15006"), std::string::npos);

  options = {};
  options.exclude_inbound_ports = {15006};
  EXPECT_NE(all(options).find("--inbound-port 15006"), std::string::npos);

  options = {};
  options.outbound_port = 0;
  EXPECT_NE(all(options).find("port 0"), std::string::npos);

  options = {};
  options.allow_udp_ports = {0};
  EXPECT_NE(all(options).find("port 0"), std::string::npos);
}

TEST(RedirectOptions, refuse_an_exclusion_that_would_do_nothing_or_everything) {
  RedirectOptions options;
  options.exclude_outbound_ports = {53};
  EXPECT_NE(all(options).find("--exclude-outbound-port 53"), std::string::npos);

  options = {};
  options.exclude_outbound_networks = {*IpNetwork::parse("0.0.0.0/0")};
  EXPECT_NE(all(options).find("0.0.0.0/0 would exclude everything"), std::string::npos);
}

TEST(RedirectOptions, refuse_virtual_networks_of_the_wrong_family) {
  RedirectOptions options;
  std::swap(options.virtual_v4, options.virtual_v6);
  EXPECT_EQ(contradictions(options).size(), 2u);
}

TEST(RedirectOptions, bound_every_list) {
  RedirectOptions options;
  for (std::size_t i = 0; i < kListMax; ++i) {
    options.allow_udp_ports.push_back(static_cast<std::uint16_t>(i + 1));
  }
  EXPECT_EQ(all(options), "");
  options.allow_udp_ports.push_back(60000);
  EXPECT_NE(all(options).find("at most 128"), std::string::npos);
}

TEST(RedirectOptions, report_every_contradiction_not_only_the_first) {
  RedirectOptions options;
  options.uid = 0;
  options.exclude_outbound_ports = {53};
  EXPECT_EQ(contradictions(options).size(), 2u);
}

TEST(Masked, clears_the_host_bits_of_both_families) {
  EXPECT_EQ(masked(*IpNetwork::parse("10.1.2.3/8")).to_string(), "10.0.0.0/8");
  EXPECT_EQ(masked(*IpNetwork::parse("10.1.255.255/20")).to_string(), "10.1.240.0/20");
  EXPECT_EQ(masked(*IpNetwork::parse("10.1.2.3/32")).to_string(), "10.1.2.3/32");
  EXPECT_EQ(masked(*IpNetwork::parse("10.1.2.3/0")).to_string(), "0.0.0.0/0");
  EXPECT_EQ(masked(*IpNetwork::parse("fd00:e9a0:1::5/32")).to_string(), "fd00:e9a0::/32");
  EXPECT_EQ(masked(*IpNetwork::parse("fd00::ffff/127")).to_string(), "fd00::fffe/127");
}

}  // namespace
}  // namespace epaulet::redirect

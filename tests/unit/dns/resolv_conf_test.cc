#include "dns/resolv_conf.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

std::string servers_of(const std::vector<SocketAddress>& servers) {
  std::string text;
  for (const auto& server : servers) text += (text.empty() ? "" : " ") + server.to_string();
  return text;
}

TEST(ResolvConf, reads_servers_and_search_list_as_kubernetes_writes_them) {
  const auto conf = parse_resolv_conf(
      "search default.svc.cluster.local svc.cluster.local. cluster.local\n"
      "nameserver 10.96.0.10\n"
      "nameserver fd00::a\r\n"
      "options ndots:5\n");
  EXPECT_EQ(servers_of(conf.nameservers), "10.96.0.10:53 [fd00::a]:53");
  const std::vector<std::string> search{"default.svc.cluster.local", "svc.cluster.local",
                                        "cluster.local"};
  EXPECT_EQ(conf.search, search);
}

TEST(ResolvConf, skips_comments_nonsense_and_addresses_with_a_zone) {
  const auto conf = parse_resolv_conf(
      "# nameserver 10.0.0.1\n; nameserver 10.0.0.2\n\nnameserver\nnameserver example\n"
      "nameserver fe80::1%eth0\n\tnameserver  10.0.0.3  # that one");
  EXPECT_EQ(servers_of(conf.nameservers), "10.0.0.3:53");
}

TEST(ResolvConf, the_last_of_search_and_domain_counts) {
  EXPECT_EQ(parse_resolv_conf("search a b\ndomain c\n").search, std::vector<std::string>{"c"});
}

TEST(ResolvConf, a_missing_file_is_empty) {
  const auto conf = read_resolv_conf("/nonexistent/resolv.conf");
  ASSERT_TRUE(conf);
  EXPECT_TRUE(conf->nameservers.empty());
}

TEST(UpstreamServers, are_the_configured_ones_else_those_of_resolv_conf) {
  DnsSettings settings;
  const auto conf = parse_resolv_conf("nameserver 10.0.0.1\n");
  EXPECT_EQ(servers_of(upstream_servers(settings, conf, {})), "10.0.0.1:53");
  settings.upstream = {*SocketAddress::parse("10.9.9.9:5353")};
  EXPECT_EQ(servers_of(upstream_servers(settings, conf, {})), "10.9.9.9:5353");
}

TEST(UpstreamServers, are_never_ourselves) {
  DnsSettings settings;
  settings.upstream = {*SocketAddress::parse("127.0.0.1:15053"),
                       *SocketAddress::parse("[::1]:15053"), *SocketAddress::parse("127.0.0.1:53")};
  const std::vector<SocketAddress> own{*SocketAddress::parse("127.0.0.1:15053"),
                                       *SocketAddress::parse("[::1]:15053")};
  EXPECT_EQ(servers_of(upstream_servers(settings, {}, own)), "127.0.0.1:53");
}

}  // namespace
}  // namespace epaulet

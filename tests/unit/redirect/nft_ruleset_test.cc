#include "redirect/nft_ruleset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace epaulet::redirect {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    auto line = text.substr(start, end - start);
    line.erase(0, line.find_first_not_of(' '));
    lines.push_back(std::move(line));
    start = end + 1;
  }
  return lines;
}

/// The lines of one chain, without its braces.
std::vector<std::string> chain(const RedirectOptions& options, const std::string& name) {
  const auto lines = lines_of(nft_ruleset(options));
  const auto first = std::find(lines.begin(), lines.end(), "chain " + name + " {");
  if (first == lines.end()) return {};
  return {first + 1, std::find(first, lines.end(), "}")};
}

/// Where in the chain the first rule that contains `text` stands; its size if there is none.
std::size_t place(const std::vector<std::string>& rules, const std::string& text) {
  return static_cast<std::size_t>(
      std::find_if(rules.begin(), rules.end(),
                   [&](const auto& rule) { return rule.find(text) != std::string::npos; }) -
      rules.begin());
}

bool has(const std::vector<std::string>& rules, const std::string& text) {
  return place(rules, text) < rules.size();
}

RedirectOptions everything() {
  RedirectOptions options;
  options.exclude_uids = {4000};
  options.exclude_inbound_ports = {9000, 9001};
  options.exclude_outbound_ports = {3306};
  options.exclude_outbound_networks = {*IpNetwork::parse("10.77.5.1/16"),
                                       *IpNetwork::parse("fd77::1/64")};
  options.allow_udp_ports = {5353, 514};
  options.loopback_nameservers = {*IpAddress::parse("127.0.0.53"), *IpAddress::parse("::1")};
  return options;
}

TEST(NftRuleset, replaces_our_table_in_one_transaction_and_names_no_other) {
  const auto lines = lines_of(nft_ruleset(everything()));
  ASSERT_GE(lines.size(), 3u);
  EXPECT_EQ(lines[0], "table inet epaulet");  // so that the next line never fails
  EXPECT_EQ(lines[1], "delete table inet epaulet");
  EXPECT_EQ(lines[2], "table inet epaulet {");
  for (const auto& line : lines) {
    if (line.find("table") == std::string::npos) continue;
    EXPECT_NE(line.find("inet epaulet"), std::string::npos) << line;
  }
  EXPECT_EQ(nft_ruleset(everything()).find("flush"), std::string::npos);
}

TEST(NftRuleset, removal_touches_our_table_alone_and_works_without_it) {
  EXPECT_EQ(nft_removal(), "table inet epaulet\ndelete table inet epaulet\n");
}

TEST(NftRuleset, closes_every_brace) {
  for (const auto mode : {Ipv6Mode::automatic, Ipv6Mode::on, Ipv6Mode::off}) {
    auto options = everything();
    options.ipv6 = mode;
    const auto text = nft_ruleset(options);
    EXPECT_EQ(std::count(text.begin(), text.end(), '{'), std::count(text.begin(), text.end(), '}'));
  }
}

TEST(NftRuleset, exempts_the_proxys_user_before_anything_else) {
  const auto rules = chain({}, "outbound");
  EXPECT_EQ(place(rules, "meta skuid { 1337 }"), 1u);  // after the line with the hook
  const auto more = chain(everything(), "outbound");
  EXPECT_EQ(place(more, "meta skuid { 1337, 4000 } counter return"), 1u);
}

TEST(NftRuleset, comes_before_other_nat_rules_of_the_same_hooks) {
  EXPECT_TRUE(has(chain({}, "outbound"), "type nat hook output priority -101;"));
  EXPECT_TRUE(has(chain({}, "inbound"), "type nat hook prerouting priority -101;"));
}

TEST(NftRuleset, redirects_dns_whatever_its_server_before_any_exclusion) {
  const auto rules = chain(everything(), "outbound");
  for (const auto* dns :
       {"udp dport 53 counter redirect to :15053", "tcp dport 53 counter redirect to :15053"}) {
    EXPECT_LT(place(rules, dns), place(rules, "exclude-outbound-network"));
    EXPECT_LT(place(rules, dns), place(rules, "outbound-tcp"));
  }
}

TEST(NftRuleset, redirects_loopback_only_for_the_resolvers_that_stand_there) {
  const auto rules = chain(everything(), "outbound");
  EXPECT_LT(place(rules, "ip daddr 127.0.0.53 meta l4proto { tcp, udp } th dport 53"),
            place(rules, "ip daddr 127.0.0.0/8 return"));
  EXPECT_LT(place(rules, "ip6 daddr ::1 meta l4proto { tcp, udp } th dport 53"),
            place(rules, "ip6 daddr ::1 return"));
  EXPECT_FALSE(has(chain({}, "outbound"), "dns-loopback"));
  EXPECT_LT(place(rules, "ip daddr 127.0.0.0/8 return"), place(rules, "udp dport 53"));
}

TEST(NftRuleset, redirects_virtual_addresses_before_any_exclusion) {
  const auto rules = chain(everything(), "outbound");
  for (const auto* rule :
       {"ip daddr 240.0.0.0/4 meta l4proto tcp counter redirect to :15001",
        "ip6 daddr fd00:e9a0::/32 meta l4proto tcp counter redirect to :15001"}) {
    ASSERT_TRUE(has(rules, rule));
    EXPECT_LT(place(rules, rule), place(rules, "exclude-outbound-network"));
    EXPECT_LT(place(rules, rule), place(rules, "exclude-outbound-port"));
  }
}

TEST(NftRuleset, excludes_networks_and_ports_before_the_rest_is_redirected) {
  const auto rules = chain(everything(), "outbound");
  for (const auto* rule : {"ip daddr 10.77.0.0/16 return", "ip6 daddr fd77::/64 return",
                           "tcp dport { 3306 } return"}) {
    EXPECT_LT(place(rules, rule), place(rules, "redirect to :15001 comment \"outbound-tcp\""))
        << rule;
  }
  EXPECT_EQ(place(rules, "outbound-tcp"), rules.size() - 1);
}

RedirectOptions some() {
  RedirectOptions options;
  options.include_uids = {1000, 1001};
  options.include_inbound_ports = {8080, 8443};
  options.include_outbound_ports = {80};
  options.include_outbound_networks = {*IpNetwork::parse("10.78.5.1/16"),
                                       *IpNetwork::parse("fd78::1/64")};
  return options;
}

TEST(NftRuleset, leads_out_only_what_is_included_besides_names_and_virtual_addresses) {
  const auto rules = chain(some(), "outbound");
  EXPECT_FALSE(has(rules, "outbound-tcp"));
  for (const auto* rule : {"ip daddr 10.78.0.0/16 meta l4proto tcp counter redirect to :15001",
                           "ip6 daddr fd78::/64 meta l4proto tcp counter redirect to :15001",
                           "tcp dport { 80 } counter redirect to :15001"}) {
    EXPECT_TRUE(has(rules, rule)) << rule;
    EXPECT_LT(place(rules, "udp dport 53"), place(rules, rule));
    EXPECT_LT(place(rules, "virtual-tcp"), place(rules, rule));
  }
  auto options = some();
  options.exclude_outbound_ports = {3306};
  const auto both = chain(options, "outbound");
  EXPECT_LT(place(both, "exclude-outbound-port"), place(both, "include-outbound-network"));
}

TEST(NftRuleset, leaves_users_alone_who_are_not_included) {
  const auto rules = chain(some(), "outbound");
  EXPECT_EQ(place(rules, "meta skuid != { 1000, 1001 } return"), 2u);  // behind the exempt ones
  auto options = some();
  options.ipv6 = Ipv6Mode::off;
  EXPECT_TRUE(has(chain(options, "unreachable"), "meta skuid { 1000, 1001 } meta l4proto tcp"));
  EXPECT_FALSE(has(chain({}, "outbound"), "include-uid"));
}

TEST(NftRuleset, leads_in_only_what_is_included_and_guards_that) {
  EXPECT_TRUE(has(chain(some(), "inbound"), "tcp dport { 8080, 8443 } counter redirect to :15006"));
  EXPECT_FALSE(has(chain(some(), "inbound"), "meta l4proto tcp counter redirect"));
  EXPECT_TRUE(has(chain(some(), "guard"),
                  "tcp dport { 8080, 8443 } ct state { new, invalid, untracked } counter drop"));
  EXPECT_FALSE(has(chain(some(), "guard"), "tcp dport !="));
}

TEST(NftRuleset, lets_nothing_in_past_the_proxy_but_the_direct_ports) {
  const auto rules = chain(everything(), "inbound");
  EXPECT_LT(place(rules, "tcp dport { 15008, 15020, 15021, 9000, 9001 } return"),
            place(rules, "meta l4proto tcp counter redirect to :15006"));
  EXPECT_EQ(place(rules, "iifname \"lo\" return"), 1u);
  EXPECT_EQ(place(rules, "inbound-tcp"), rules.size() - 1);
}

TEST(NftRuleset, guards_the_way_in_against_what_nat_does_not_touch) {
  const auto rules = chain(everything(), "guard");
  EXPECT_TRUE(has(rules,
                  "tcp dport != { 15006, 15008, 15020, 15021, 9000, 9001 } "
                  "ct state { new, invalid, untracked } counter drop"));
}

TEST(NftRuleset, drops_new_datagrams_unless_their_port_is_declared) {
  EXPECT_FALSE(has(chain({}, "guard"), "inbound-udp-allow"));
  const auto rules = chain(everything(), "guard");
  EXPECT_LT(place(rules, "udp dport { 5353, 514 } return"),
            place(rules, "comment \"inbound-udp\""));
  EXPECT_EQ(place(rules, "iifname \"lo\" return"), 1u);
  EXPECT_TRUE(has(rules, "meta l4proto { udp, udplite, sctp, dccp } ct state"));
}

TEST(NftRuleset, refuses_virtual_addresses_that_were_not_redirected) {
  const auto rules = chain({}, "unreachable");
  for (const auto* range : {"ip daddr 240.0.0.0/4", "ip6 daddr fd00:e9a0::/32"}) {
    EXPECT_TRUE(has(rules, std::string(range) + " meta l4proto tcp counter reject with tcp reset"));
    EXPECT_TRUE(has(rules, std::string(range) +
                               " meta l4proto != tcp counter reject with icmpx port-unreachable"));
  }
}

TEST(NftRuleset, follows_every_number_it_was_given) {
  RedirectOptions options;
  options.uid = 2000;
  options.outbound_port = 25001;
  options.inbound_port = 25006;
  options.dns_port = 25053;
  options.virtual_v4 = *IpNetwork::parse("198.18.0.0/15");
  options.virtual_v6 = *IpNetwork::parse("fd12::/48");
  const auto text = nft_ruleset(options);
  for (const auto* old : {"1337", "15001", "15006", "15053", "240.0.0.0", "e9a0"}) {
    EXPECT_EQ(text.find(old), std::string::npos) << old;
  }
  for (const auto* given :
       {"{ 2000 }", ":25001", ":25006", ":25053", "198.18.0.0/15", "fd12::/48"}) {
    EXPECT_NE(text.find(given), std::string::npos) << given;
  }
}

TEST(NftRuleset, closes_ipv6_when_it_is_off_instead_of_leaving_it_open) {
  RedirectOptions options;
  options.ipv6 = Ipv6Mode::off;
  EXPECT_LT(place(chain(options, "outbound"), "meta nfproto ipv6 return"),
            place(chain(options, "outbound"), "redirect"));
  EXPECT_LT(place(chain(options, "inbound"), "meta nfproto ipv6 return"),
            place(chain(options, "inbound"), "redirect"));
  EXPECT_LT(place(chain(options, "guard"), "inbound-ipv6-off"),
            place(chain(options, "guard"), "inbound-guard"));
  EXPECT_TRUE(has(chain(options, "unreachable"),
                  "meta nfproto ipv6 oifname != \"lo\" meta l4proto "
                  "{ tcp, udp, udplite, sctp, dccp } meta skuid != { 1337 } "
                  "meta l4proto tcp counter reject with tcp reset"));
  for (const auto mode : {Ipv6Mode::automatic, Ipv6Mode::on}) {
    options.ipv6 = mode;
    EXPECT_EQ(nft_ruleset(options).find("nfproto"), std::string::npos);
  }
}

TEST(NftRuleset, counts_what_every_redirecting_and_refusing_rule_does) {
  for (const auto& line : lines_of(nft_ruleset(everything()))) {
    const bool acts = line.find(" redirect to ") != std::string::npos ||
                      line.find(" drop ") != std::string::npos ||
                      line.find(" reject ") != std::string::npos;
    if (!acts) continue;
    EXPECT_NE(line.find(" counter "), std::string::npos) << line;
    EXPECT_NE(line.find(" comment \""), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace epaulet::redirect

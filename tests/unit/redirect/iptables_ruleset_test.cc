#include "redirect/iptables_ruleset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "redirect/nft_ruleset.h"

namespace epaulet::redirect {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
  Lines lines;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

/// The rules of one chain, in order.
Lines chain(const RedirectOptions& options, bool v4, const std::string& name) {
  Lines rules;
  for (const auto& line : lines_of(iptables_ruleset(options, v4, {}))) {
    if (line.starts_with("-A " + name + " ")) rules.push_back(line.substr(name.size() + 4));
  }
  return rules;
}

std::size_t place(const Lines& lines, const std::string& text) {
  return static_cast<std::size_t>(
      std::find_if(lines.begin(), lines.end(),
                   [&](const auto& line) { return line.find(text) != std::string::npos; }) -
      lines.begin());
}

bool has(const Lines& lines, const std::string& text) {
  return place(lines, text) < lines.size();
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

/// The names that stand as comments.
std::set<std::string> names(const std::string& text, const std::string& before, char after) {
  std::set<std::string> found;
  for (std::size_t at = 0; (at = text.find(before, at)) != std::string::npos;) {
    at += before.size();
    found.insert(text.substr(at, text.find(after, at) - at));
  }
  return found;
}

TEST(IptablesRuleset, has_a_rule_for_every_rule_of_nft) {
  for (const auto mode : {Ipv6Mode::automatic, Ipv6Mode::off}) {
    auto options = everything();
    options.ipv6 = mode;
    auto mine = names(iptables_ruleset(options, true, {}), "--comment ", ' ');
    mine.merge(names(iptables_ruleset(options, false, {}), "--comment ", ' '));
    EXPECT_EQ(mine, names(nft_ruleset(options), "comment \"", '"'));
  }
}

TEST(IptablesRuleset, shuts_the_pod_before_it_redirects_and_commits_each_table_once) {
  const auto lines = lines_of(iptables_ruleset(everything(), true, {}));
  EXPECT_EQ(lines.front(), "*filter");
  EXPECT_LT(place(lines, "COMMIT"), place(lines, "*nat"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "COMMIT"), 2);
  EXPECT_EQ(lines.back(), "COMMIT");
}

TEST(IptablesRuleset, puts_itself_first_into_the_hooks_and_touches_no_other_chain) {
  for (const auto& line : lines_of(iptables_ruleset(everything(), true, {}))) {
    const bool is_ours = line.find("EPAULET_") != std::string::npos;
    EXPECT_EQ(is_ours, line.starts_with(":") || line.starts_with("-")) << line;
    if (line.starts_with("-A ")) {
      EXPECT_TRUE(line.starts_with("-A EPAULET_")) << line;
    }
    if (line.starts_with("-I ")) {
      EXPECT_NE(line.find(" 1 -j EPAULET_"), std::string::npos) << line;
    }
    EXPECT_FALSE(line.starts_with("-F") || line.starts_with("-P")) << line;
  }
}

TEST(IptablesRuleset, takes_away_the_jumps_that_stand_before_it_adds_its_own) {
  SavedRules saved;
  saved.tables = {{"nat", {"EPAULET_OUTBOUND"}, {"OUTPUT -j EPAULET_OUTBOUND"}}};
  const auto lines = lines_of(iptables_ruleset({}, true, saved));
  ASSERT_TRUE(has(lines, "-D OUTPUT -j EPAULET_OUTBOUND"));
  EXPECT_LT(place(lines, "*nat"), place(lines, "-D OUTPUT -j EPAULET_OUTBOUND"));
  EXPECT_LT(place(lines, "-D OUTPUT -j EPAULET_OUTBOUND"),
            place(lines, "-I OUTPUT 1 -j EPAULET_OUTBOUND"));
  EXPECT_FALSE(has(lines_of(iptables_ruleset({}, true, {})), "-D "));
}

TEST(IptablesRuleset, keeps_each_family_to_its_own_addresses) {
  const auto v4 = iptables_ruleset(everything(), true, {});
  const auto v6 = iptables_ruleset(everything(), false, {});
  for (const auto* only :
       {"127.0.0.53", "127.0.0.0/8", "240.0.0.0/4", "10.77.0.0/16", "icmp-port-unreachable"}) {
    EXPECT_NE(v4.find(only), std::string::npos) << only;
    EXPECT_EQ(v6.find(only), std::string::npos) << only;
  }
  for (const auto* only :
       {"-d ::1 ", "::1/128", "fd00:e9a0::/32", "fd77::/64", "icmp6-port-unreachable"}) {
    EXPECT_NE(v6.find(only), std::string::npos) << only;
    EXPECT_EQ(v4.find(only), std::string::npos) << only;
  }
}

TEST(IptablesRuleset, decides_in_the_order_of_nft) {
  const auto rules = chain(everything(), true, "EPAULET_OUTBOUND");
  const char* const order[] = {"--uid-owner 1337",      "--uid-owner 4000", "-d 127.0.0.53",
                               "-d 127.0.0.0/8 ",       "comment dns-udp",  "comment dns-tcp",
                               "-d 240.0.0.0/4 -p tcp", "-d 10.77.0.0/16",  "--dports 3306",
                               "comment outbound-tcp"};
  for (std::size_t i = 1; i < std::size(order); ++i) {
    EXPECT_LT(place(rules, order[i - 1]), place(rules, order[i])) << order[i];
  }
  EXPECT_EQ(place(rules, "--uid-owner 1337"), 0u);
  EXPECT_EQ(place(rules, "outbound-tcp"), rules.size() - 1);
}

TEST(IptablesRuleset, lets_nothing_in_past_the_proxy_but_the_direct_ports) {
  const Lines inbound{"-i lo -j RETURN",
                      "-p tcp -m multiport --dports 15008,15020,15021,9000,9001 "
                      "-m comment --comment inbound-direct -j RETURN",
                      "-p tcp -m comment --comment inbound-tcp -j REDIRECT --to-ports 15006"};
  EXPECT_EQ(chain(everything(), false, "EPAULET_INBOUND"), inbound);
  const auto guard = chain(everything(), false, "EPAULET_GUARD");
  EXPECT_LT(place(guard, "--dports 15006,15008,15020,15021,9000,9001 -j RETURN"),
            place(guard,
                  "-p tcp -m conntrack --ctstate NEW,INVALID,UNTRACKED -m comment "
                  "--comment inbound-guard -j DROP"));
  EXPECT_LT(place(guard, "-p udp -m multiport --dports 5353,514"),
            place(guard, "-p 17 -m conntrack"));
  for (const auto* protocol : {"-p 17 ", "-p 136 ", "-p 132 ", "-p 33 "}) {
    EXPECT_TRUE(has(guard, protocol)) << protocol;
  }
}

TEST(IptablesRuleset, lists_more_ports_than_one_rule_takes) {
  RedirectOptions options;
  for (std::uint16_t port = 1; port <= 31; ++port) options.exclude_outbound_ports.push_back(port);
  const auto rules = chain(options, true, "EPAULET_OUTBOUND");
  EXPECT_TRUE(has(rules, "--dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 "));
  EXPECT_TRUE(has(rules, "--dports 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30 "));
  EXPECT_TRUE(has(rules, "--dports 31 "));
}

RedirectOptions some() {
  RedirectOptions options;
  options.include_uids = {1000, 1001};
  options.include_inbound_ports = {8080};
  options.include_outbound_ports = {80};
  options.include_outbound_networks = {*IpNetwork::parse("10.78.5.1/16"),
                                       *IpNetwork::parse("fd78::1/64")};
  return options;
}

TEST(IptablesRuleset, leads_only_what_is_included) {
  const auto users = chain(some(), true, "EPAULET_OUTBOUND");
  ASSERT_EQ(users.size(), 3u);  // the exempt one, and who goes on
  EXPECT_TRUE(has(users, "--uid-owner 1000 -m comment --comment include-uid -j EPAULET_INCLUDED"));
  const auto v4 = chain(some(), true, "EPAULET_INCLUDED");
  const auto v6 = chain(some(), false, "EPAULET_INCLUDED");
  EXPECT_LT(place(v4, "comment dns-udp"), place(v4, "-d 10.78.0.0/16 -p tcp"));
  EXPECT_TRUE(has(v4, "--dports 80 -m comment --comment include-outbound-port -j REDIRECT"));
  EXPECT_TRUE(has(v6, "-d fd78::/64 -p tcp"));
  EXPECT_FALSE(has(v6, "10.78"));
  EXPECT_FALSE(has(v4, "comment outbound-tcp"));
  EXPECT_TRUE(has(chain(some(), true, "EPAULET_INBOUND"),
                  "--dports 8080 -m comment --comment inbound-tcp -j REDIRECT --to-ports 15006"));
  EXPECT_TRUE(has(chain(some(), true, "EPAULET_GUARD"),
                  "-p tcp -m multiport --dports 8080 -m conntrack "
                  "--ctstate NEW,INVALID,UNTRACKED -m comment --comment inbound-guard -j DROP"));
  EXPECT_FALSE(has(chain(some(), true, "EPAULET_GUARD"), "15006"));
}

TEST(IptablesRuleset, closes_ipv6_for_those_users_that_are_included) {
  auto options = some();
  options.ipv6 = Ipv6Mode::off;
  const auto out = chain(options, false, "EPAULET_UNREACHABLE");
  EXPECT_TRUE(has(out, "-p 6 -m owner --uid-owner 1001"));
  EXPECT_FALSE(has(out, "--socket-exists"));
}

TEST(IptablesRuleset, takes_away_a_chain_that_it_needs_no_more) {
  SavedRules saved;
  saved.tables = {
      {"nat", {"EPAULET_OUTBOUND", "EPAULET_INCLUDED"}, {"OUTPUT -j EPAULET_OUTBOUND"}}};
  const auto lines = lines_of(iptables_ruleset({}, true, saved));
  EXPECT_LT(place(lines, ":EPAULET_INCLUDED"), place(lines, "-X EPAULET_INCLUDED"));
  EXPECT_FALSE(has(lines, "-X EPAULET_OUTBOUND"));
  EXPECT_FALSE(has(lines_of(iptables_ruleset(some(), true, saved)), "-X "));
}

TEST(IptablesRuleset, closes_ipv6_when_it_is_off_instead_of_leaving_it_open) {
  auto options = everything();
  options.ipv6 = Ipv6Mode::off;
  EXPECT_TRUE(chain(options, false, "EPAULET_OUTBOUND").empty());
  EXPECT_TRUE(chain(options, false, "EPAULET_INBOUND").empty());
  const auto guard = chain(options, false, "EPAULET_GUARD");
  const auto out = chain(options, false, "EPAULET_UNREACHABLE");
  EXPECT_EQ(guard.size(), 6u);  // loopback, then every transport; no port is let in
  for (const auto* protocol : {"-p 6 ", "-p 17 ", "-p 136 ", "-p 132 ", "-p 33 "}) {
    EXPECT_TRUE(has(guard, std::string(protocol) + "-m conntrack")) << protocol;
    EXPECT_TRUE(has(out, std::string(protocol) + "-m owner --socket-exists")) << protocol;
    EXPECT_LT(place(out, "--uid-owner 4000"), place(out, protocol));
    EXPECT_LT(place(out, "-o lo -j RETURN"), place(out, protocol));
  }
  EXPECT_TRUE(has(out,
                  "-p 6 -m owner --socket-exists -m comment --comment outbound-ipv6-off "
                  "-j REJECT --reject-with tcp-reset"));
  EXPECT_EQ(iptables_ruleset(options, true, {}), iptables_ruleset(everything(), true, {}));
}

TEST(IptablesRemoval, takes_what_is_ours_and_nothing_where_nothing_is) {
  EXPECT_EQ(iptables_removal({}), "");
  SavedRules saved;
  saved.tables = {{"nat", {"EPAULET_A", "EPAULET_B"}, {"OUTPUT -j EPAULET_A"}}};
  EXPECT_EQ(iptables_removal(saved),
            "*nat\n:EPAULET_A - [0:0]\n:EPAULET_B - [0:0]\n-D OUTPUT -j EPAULET_A\n"
            "-X EPAULET_A\n-X EPAULET_B\nCOMMIT\n");
}

}  // namespace
}  // namespace epaulet::redirect

#include "redirect/probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "redirect/nft_ruleset.h"

namespace epaulet::redirect {
namespace {

SocketAddress at(std::string_view text) {
  return *SocketAddress::parse(text);
}

ProbeField field(bool v4) {
  ProbeField field;
  field.v4 = v4;
  field.addresses = {*IpAddress::parse(v4 ? "169.254.231.1" : "fd65::1"),
                     *IpAddress::parse(v4 ? "169.254.231.2" : "fd65::2")};
  field.decoy_port = 33333;
  return field;
}

const Probe* find(const std::vector<Probe>& probes, const std::string& name) {
  const auto found = std::find_if(probes.begin(), probes.end(),
                                  [&](const Probe& probe) { return probe.name == name; });
  return found == probes.end() ? nullptr : &*found;
}

RedirectOptions everything() {
  RedirectOptions options;
  options.exclude_uids = {65534};
  options.exclude_inbound_ports = {9000};
  options.exclude_outbound_ports = {3306};
  options.exclude_outbound_networks = {*IpNetwork::parse("10.77.0.0/16"),
                                       *IpNetwork::parse("fd77::/64")};
  options.allow_udp_ports = {5353};
  options.loopback_nameservers = {*IpAddress::parse("127.0.0.53")};
  return options;
}

RedirectOptions some() {
  RedirectOptions options;
  options.include_uids = {1000, 65534};
  options.include_inbound_ports = {8080};
  options.include_outbound_ports = {80};
  options.include_outbound_networks = {*IpNetwork::parse("10.78.0.0/16"),
                                       *IpNetwork::parse("fd78::/64")};
  options.loopback_nameservers = {*IpAddress::parse("127.0.0.53")};
  return options;
}

TEST(Plan, tries_what_is_included_and_what_is_not) {
  const auto probes = plan(some(), field(true));
  EXPECT_EQ(find(probes, "outbound-tcp/ipv4"), nullptr);
  const auto* network = find(probes, "include-outbound-network-10.78.0.0/16/ipv4");
  ASSERT_NE(network, nullptr);
  EXPECT_TRUE(network->outside);
  EXPECT_EQ(network->answered_by, at("127.0.0.1:15001"));
  EXPECT_EQ(network->uid, 1000u);
  EXPECT_EQ(find(probes, "include-outbound-port-80/ipv4")->fate, Fate::redirected);
  EXPECT_EQ(find(probes, "include-outbound-others/ipv4")->fate, Fate::untouched);
  EXPECT_EQ(find(probes, "include-uid-others/ipv4")->uid, 65533u);
  EXPECT_EQ(find(probes, "include-uid-others-dns/ipv4")->fate, Fate::untouched);
  EXPECT_EQ(find(probes, "inbound-tcp-8080/ipv4")->answered_by, at("169.254.231.1:15006"));
  EXPECT_EQ(find(probes, "inbound-others/ipv4")->fate, Fate::untouched);
}

TEST(Plan, tries_every_rule_that_decides_in_both_families) {
  for (const bool v4 : {true, false}) {
    for (const auto& options : {everything(), some()}) {
      const auto probes = plan(options, field(v4));
      const auto text = nft_ruleset(options);
      constexpr std::string_view kComment = "comment \"";
      std::set<std::string> rules;
      for (std::size_t at = 0; (at = text.find(kComment, at)) != std::string::npos;) {
        at += kComment.size();
        rules.insert(text.substr(at, text.find('"', at) - at));
      }
      rules.erase("inbound-guard");          // guard_check.h
      if (!v4) rules.erase("dns-loopback");  // the resolver above is IPv4
      ASSERT_GE(rules.size(), 11u);
      for (const auto& rule : rules) {
        EXPECT_TRUE(std::any_of(probes.begin(), probes.end(), [&](const Probe& probe) {
          return probe.name.starts_with(rule + "/") || probe.name.starts_with(rule + "-");
        })) << rule;
      }
    }
  }
}

TEST(Plan, names_each_probe_once_and_stays_in_its_family) {
  for (const bool v4 : {true, false}) {
    std::set<std::string> names;
    for (const auto& probe : plan(everything(), field(v4))) {
      EXPECT_TRUE(names.insert(probe.name).second) << probe.name;
      EXPECT_EQ(probe.destination.ip.is_v4(), v4) << probe.name;
      EXPECT_TRUE(probe.name.ends_with(v4 ? "/ipv4" : "/ipv6")) << probe.name;
    }
  }
}

TEST(Plan, dials_as_somebody_who_is_not_exempt) {
  const auto options = everything();
  EXPECT_EQ(app_uid({}), 65534u);
  EXPECT_EQ(app_uid(options), 65533u);
  const auto probes = plan(options, field(true));
  EXPECT_EQ(find(probes, "outbound-tcp/ipv4")->uid, 65533u);
  EXPECT_EQ(find(probes, "exempt-uid-1337/ipv4")->uid, 1337u);
  EXPECT_EQ(find(probes, "exempt-uid-65534/ipv4")->uid, 65534u);
}

TEST(Plan, expects_outgoing_connections_at_the_loopback_of_their_family) {
  EXPECT_EQ(find(plan({}, field(true)), "outbound-tcp/ipv4")->answered_by, at("127.0.0.1:15001"));
  EXPECT_EQ(find(plan({}, field(false)), "outbound-tcp/ipv6")->answered_by, at("[::1]:15001"));
  EXPECT_EQ(find(plan({}, field(false)), "dns-udp/ipv6")->answered_by, at("[::1]:15053"));
}

TEST(Plan, lets_the_neighbour_send_what_comes_from_outside) {
  const auto probes = plan(everything(), field(true));
  const auto* inbound = find(probes, "inbound-tcp/ipv4");
  ASSERT_NE(inbound, nullptr);
  EXPECT_FALSE(inbound->uid);
  EXPECT_EQ(inbound->answered_by, at("169.254.231.1:15006"));
  EXPECT_EQ(find(probes, "inbound-udp/ipv4")->fate, Fate::dropped);
  EXPECT_EQ(find(probes, "inbound-udp-allow-5353/ipv4")->fate, Fate::untouched);
  EXPECT_EQ(find(probes, "inbound-direct-15008/ipv4")->fate, Fate::untouched);
}

TEST(Plan, sends_nothing_out_of_the_pod) {
  for (const bool v4 : {true, false}) {
    const auto where = field(v4);
    const auto& range = v4 ? RedirectOptions{}.virtual_v4 : RedirectOptions{}.virtual_v6;
    for (const auto& probe : plan(everything(), where)) {
      const auto& ip = probe.destination.ip;
      EXPECT_TRUE(ip == where.addresses.own || ip.is_loopback() || range.contains(ip) ||
                  probe.outside)
          << probe.name;
    }
  }
}

TEST(Plan, tries_a_virtual_address_where_an_exclusion_would_take_it) {
  auto options = everything();
  EXPECT_EQ(find(plan(options, field(true)), "virtual-tcp/ipv4")->destination.port, 3306);
  options.exclude_outbound_networks.push_back(*IpNetwork::parse("240.5.0.0/16"));
  options.exclude_outbound_ports.clear();
  EXPECT_EQ(find(plan(options, field(true)), "virtual-tcp/ipv4")->destination,
            at("240.5.0.1:33333"));
  EXPECT_EQ(find(plan(options, field(false)), "virtual-tcp/ipv6")->destination,
            at("[fd00:e9a0::1]:33333"));
}

TEST(PlanClosed, sees_that_nothing_comes_in_or_leaves) {
  const auto probes = plan_closed({}, field(false));
  ASSERT_NE(find(probes, "inbound-ipv6-off/ipv6"), nullptr);
  EXPECT_EQ(find(probes, "inbound-ipv6-off/ipv6")->fate, Fate::dropped);
  EXPECT_EQ(find(probes, "outbound-ipv6-off-tcp/ipv6")->fate, Fate::dropped);
  EXPECT_EQ(find(probes, "outbound-ipv6-off-udp/ipv6")->fate, Fate::refused);
}

Probe probe(Fate fate, Transport transport = Transport::tcp) {
  Probe probe;
  probe.name = "rule/ipv4";
  probe.uid = 65534;
  probe.transport = transport;
  probe.destination = at("10.0.0.1:80");
  probe.fate = fate;
  probe.answered_by = at("127.0.0.1:15001");
  return probe;
}

Observation seen(std::optional<SocketAddress> answered_by, int error = 0) {
  Observation observation;
  observation.answered_by = answered_by;
  observation.error = error;
  return observation;
}

TEST(Judge, accepts_a_redirected_connection_that_somebody_took) {
  EXPECT_TRUE(judge(probe(Fate::redirected), seen(at("127.0.0.1:15001"))).ok);
}

TEST(Judge, refuses_a_redirect_that_does_not_happen_and_says_so) {
  const auto check = judge(probe(Fate::redirected), seen(at("10.0.0.1:80")));
  EXPECT_FALSE(check.ok);
  EXPECT_EQ(check.name, "rule/ipv4");
  EXPECT_EQ(
      check.detail,
      "TCP from uid 65534 to 10.0.0.1:80 should go to 127.0.0.1:15001, but is not redirected");
}

TEST(Judge, refuses_a_redirect_to_somebody_else) {
  const auto check = judge(probe(Fate::redirected), seen(at("127.0.0.1:15099")));
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.detail.find("goes to 127.0.0.1:15099"), std::string::npos);
}

TEST(Judge, refuses_a_redirect_that_nobody_accepts) {
  const auto check = judge(probe(Fate::redirected), seen(std::nullopt, ECONNREFUSED));
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.detail.find("but is refused"), std::string::npos);
  EXPECT_FALSE(judge(probe(Fate::redirected), seen(at("127.0.0.1:15001"), ETIMEDOUT)).ok);
  EXPECT_FALSE(judge(probe(Fate::redirected), seen(at("127.0.0.1:15001"), ECONNREFUSED)).ok);
  for (const int ended : {ECONNRESET, EPIPE}) {
    EXPECT_TRUE(judge(probe(Fate::redirected), seen(at("127.0.0.1:15001"), ended)).ok)
        << "by a proxy that runs, and has no use for it";
    EXPECT_FALSE(judge(probe(Fate::redirected), seen(at("10.0.0.1:80"), ended)).ok);
    EXPECT_FALSE(judge(probe(Fate::redirected), seen(std::nullopt, ended)).ok);
  }
}

TEST(Judge, names_the_reason_when_a_connection_cannot_start) {
  const auto check = judge(probe(Fate::redirected), seen(std::nullopt, ENETUNREACH));
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.detail.find("Network is unreachable"), std::string::npos);
}

TEST(Judge, accepts_an_untouched_connection_only_untouched) {
  EXPECT_TRUE(judge(probe(Fate::untouched), seen(at("10.0.0.1:80"))).ok);
  EXPECT_FALSE(judge(probe(Fate::untouched), seen(at("127.0.0.1:15001"))).ok);
  EXPECT_FALSE(judge(probe(Fate::untouched), seen(std::nullopt)).ok);
}

TEST(Judge, accepts_a_refusal_only_if_it_came_at_once_and_as_one) {
  EXPECT_TRUE(judge(probe(Fate::refused), seen(std::nullopt, ECONNREFUSED)).ok);
  EXPECT_TRUE(judge(probe(Fate::refused, Transport::udp), seen(std::nullopt, EPERM)).ok);
  EXPECT_FALSE(judge(probe(Fate::refused), seen(std::nullopt, ETIMEDOUT)).ok);
  EXPECT_FALSE(judge(probe(Fate::refused, Transport::udp), seen(std::nullopt, 0)).ok);
  EXPECT_FALSE(judge(probe(Fate::refused), seen(at("10.0.0.1:80"), ECONNREFUSED)).ok);
}

TEST(Judge, takes_silence_for_a_drop_only_if_something_else_got_through) {
  auto silent = seen(std::nullopt);
  EXPECT_TRUE(judge(probe(Fate::dropped), silent).ok);
  silent.path_works = false;
  const auto check = judge(probe(Fate::dropped), silent);
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.detail.find("no packet from outside got through"), std::string::npos);
  EXPECT_FALSE(judge(probe(Fate::dropped), seen(at("10.0.0.1:80"))).ok);
}

}  // namespace
}  // namespace epaulet::redirect

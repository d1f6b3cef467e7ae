#include "redirect/pod.h"

#include <gtest/gtest.h>

namespace epaulet::redirect {
namespace {

InterfaceAddress eth0(const char* address) {
  return {"eth0", *IpAddress::parse(address)};
}

Pod dual_stack() {
  Pod pod;
  pod.loopback_is_up = true;
  pod.has_ipv6_loopback = true;
  pod.addresses = {eth0("10.1.0.5"), eth0("fe80::1"), eth0("fd50::5")};
  return pod;
}

Pod without_ipv6() {
  auto pod = dual_stack();
  pod.has_ipv6_loopback = false;
  pod.addresses = {eth0("10.1.0.5")};
  return pod;
}

RedirectOptions mode(Ipv6Mode ipv6) {
  RedirectOptions options;
  options.ipv6 = ipv6;
  return options;
}

TEST(Obstacle, there_is_none_in_an_ordinary_pod) {
  EXPECT_FALSE(obstacle(dual_stack(), {}));
  EXPECT_FALSE(obstacle(dual_stack(), mode(Ipv6Mode::on)));
  EXPECT_TRUE(wants_ipv6(dual_stack(), {}));
}

TEST(Obstacle, there_is_none_in_a_pod_without_ipv6_unless_it_was_demanded) {
  EXPECT_FALSE(obstacle(without_ipv6(), {}));
  EXPECT_FALSE(wants_ipv6(without_ipv6(), {}));
  const auto failure = obstacle(without_ipv6(), mode(Ipv6Mode::on));
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->remedy.find("--ipv6 auto"), std::string::npos);
}

TEST(Obstacle, is_a_global_ipv6_address_without_a_loopback_to_redirect_to) {
  auto pod = dual_stack();
  pod.has_ipv6_loopback = false;
  const auto failure = obstacle(pod, {});
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->what.find("fd50::5 on eth0"), std::string::npos) << failure->what;
  EXPECT_FALSE(obstacle(pod, mode(Ipv6Mode::off)));  // closed, so nothing is missing
}

TEST(Obstacle, is_not_a_link_local_address_alone) {
  auto pod = dual_stack();
  pod.has_ipv6_loopback = false;
  pod.addresses = {eth0("10.1.0.5"), eth0("fe80::1")};
  EXPECT_FALSE(global_ipv6(pod));
  EXPECT_FALSE(obstacle(pod, {}));
}

TEST(Obstacle, is_a_loopback_interface_that_is_down) {
  auto pod = dual_stack();
  pod.loopback_is_up = false;
  const auto failure = obstacle(pod, {});
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->remedy, "ip link set lo up");
}

TEST(Obstacle, is_a_pod_address_inside_a_virtual_network) {
  auto pod = dual_stack();
  pod.addresses.push_back(eth0("240.1.2.3"));
  const auto failure = obstacle(pod, {});
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->what.find("240.1.2.3"), std::string::npos);
  EXPECT_NE(failure->remedy.find("--virtual-v4"), std::string::npos);

  pod.addresses.back() = eth0("fd00:e9a0::7");
  ASSERT_TRUE(obstacle(pod, {}));
  EXPECT_NE(obstacle(pod, {})->remedy.find("--virtual-v6"), std::string::npos);
}

TEST(WantsIpv6, is_false_when_it_is_off) {
  EXPECT_FALSE(wants_ipv6(dual_stack(), mode(Ipv6Mode::off)));
}

TEST(LoopbackNameservers, are_found_among_others) {
  const auto found = loopback_nameservers(
      "# by hand\nsearch default.svc\nnameserver 10.96.0.10\n\tnameserver\t127.0.0.53 # local\n"
      "nameserver ::1\nnameserver 127.0.0.11");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], *IpAddress::parse("127.0.0.53"));
  EXPECT_EQ(found[1], *IpAddress::parse("::1"));
  EXPECT_EQ(found[2], *IpAddress::parse("127.0.0.11"));
}

TEST(LoopbackNameservers, are_not_made_up_from_what_is_none) {
  EXPECT_TRUE(loopback_nameservers("").empty());
  EXPECT_TRUE(loopback_nameservers("\n\n").empty());
  EXPECT_TRUE(loopback_nameservers("#nameserver 127.0.0.1\n;nameserver 127.0.0.1\n").empty());
  EXPECT_TRUE(loopback_nameservers("nameserver127.0.0.1\nnameserver\nnameserver x\n").empty());
  EXPECT_TRUE(loopback_nameservers("nameservers 127.0.0.1\noptions 127.0.0.1\n").empty());
}

TEST(LoopbackNameservers, are_listed_once_and_read_with_windows_line_ends) {
  const auto found = loopback_nameservers("nameserver 127.0.0.1\r\nnameserver 127.0.0.1\r\n");
  ASSERT_EQ(found.size(), 1u);
}

TEST(LookAtPod, sees_this_machine) {
  const auto pod = look_at_pod();
  ASSERT_TRUE(pod.has_value());
  for (const auto& entry : pod->addresses) EXPECT_NE(entry.interface, "lo");
}

}  // namespace
}  // namespace epaulet::redirect

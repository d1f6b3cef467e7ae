#include "accept/loop_guard.h"

#include <gtest/gtest.h>

#include "base/address.h"

namespace epaulet {
namespace {

SocketAddress at(std::string_view text) {
  return *SocketAddress::parse(text);
}
IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

/// A pod with one address in each family.
bool pod_has(const IpAddress& address) {
  return address.is_loopback() || address == ip("10.1.0.5") || address == ip("fd50::5");
}

LoopGuard guard_of(std::initializer_list<const char*> listeners) {
  LoopGuard guard(pod_has);
  for (const auto* listener : listeners) guard.add(at(listener));
  return guard;
}

TEST(LoopGuard, knows_nothing_as_its_own_while_empty) {
  const LoopGuard guard(pod_has);
  EXPECT_FALSE(guard.is_ours(at("127.0.0.1:15001")));
  EXPECT_FALSE(guard.is_own_port(15001));
}

TEST(LoopGuard, takes_a_loopback_listeners_port_on_every_local_address) {
  const auto guard = guard_of({"127.0.0.1:15001"});
  EXPECT_TRUE(guard.is_ours(at("127.0.0.1:15001")));
  EXPECT_TRUE(guard.is_ours(at("[::1]:15001")));
  EXPECT_TRUE(guard.is_ours(at("10.1.0.5:15001")));  // a neighbour that dials podIP:15001
  EXPECT_FALSE(guard.is_ours(at("127.0.0.1:15002")));
  EXPECT_FALSE(guard.is_ours(at("10.1.0.6:15001")));
}

TEST(LoopGuard, knows_a_listener_even_if_the_kernel_does_not_call_its_address_local) {
  LoopGuard guard([](const IpAddress&) { return false; });
  guard.add(at("10.1.0.5:15008"));
  EXPECT_TRUE(guard.is_ours(at("10.1.0.5:15008")));
  EXPECT_FALSE(guard.is_ours(at("10.1.0.7:15008")));
}

TEST(LoopGuard, takes_an_any_address_listener_for_every_local_address_of_both_families) {
  for (const auto* any : {"0.0.0.0:15006", "[::]:15006"}) {
    const auto guard = guard_of({any});
    for (const auto* own :
         {"127.0.0.1:15006", "[::1]:15006", "10.1.0.5:15006", "[fd50::5]:15006"}) {
      EXPECT_TRUE(guard.is_ours(at(own))) << any << " should cover " << own;
    }
  }
}

TEST(LoopGuard, leaves_the_same_port_of_another_pod_alone) {
  const auto guard = guard_of({"0.0.0.0:15020", "[::]:15020"});
  EXPECT_FALSE(guard.is_ours(at("10.1.0.6:15020")));
  EXPECT_FALSE(guard.is_ours(at("[fd50::6]:15020")));
}

TEST(LoopGuard, leaves_other_ports_of_the_pod_alone) {
  const auto guard = guard_of({"0.0.0.0:15006"});
  EXPECT_FALSE(guard.is_ours(at("10.1.0.5:8080")));
}

TEST(LoopGuard, sees_through_mapped_addresses) {
  const auto guard = guard_of({"127.0.0.1:15001", "0.0.0.0:15006"});
  EXPECT_TRUE(guard.is_ours(at("[::ffff:127.0.0.1]:15001")));
  EXPECT_TRUE(guard.is_ours(at("[::ffff:10.1.0.5]:15006")));
}

TEST(LoopGuard, asks_what_is_local_only_for_a_port_of_ours) {
  static int asked;
  asked = 0;
  LoopGuard guard([](const IpAddress&) { return ++asked > 0; });
  guard.add(at("0.0.0.0:15006"));
  EXPECT_FALSE(guard.is_ours(at("10.9.9.9:80")));
  EXPECT_EQ(asked, 0);
  EXPECT_TRUE(guard.is_ours(at("10.9.9.9:15006")));
  EXPECT_EQ(asked, 1);
}

TEST(LoopGuard, knows_its_ports_whatever_the_address) {
  const auto guard = guard_of({"127.0.0.1:15000", "[::]:15006"});
  EXPECT_TRUE(guard.is_own_port(15000));
  EXPECT_TRUE(guard.is_own_port(15006));
  EXPECT_FALSE(guard.is_own_port(8080));
}

TEST(LoopGuard, holds_a_listener_added_twice_once) {
  EXPECT_EQ(guard_of({"[::1]:15001", "[::1]:15001"}).listeners().size(), 1u);
}

TEST(IsLocalAddress, is_true_for_the_loopback_and_the_unspecified_address) {
  EXPECT_TRUE(is_local_address(ip("127.0.0.1")));
  EXPECT_TRUE(is_local_address(ip("127.8.7.6")));
  EXPECT_TRUE(is_local_address(ip("::1")));
  EXPECT_TRUE(is_local_address(ip("0.0.0.0")));
}

TEST(IsLocalAddress, is_false_for_a_documentation_address) {
  EXPECT_FALSE(is_local_address(ip("192.0.2.1")));
  EXPECT_FALSE(is_local_address(ip("2001:db8::1")));
}

}  // namespace
}  // namespace epaulet

#include "base/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <unordered_set>

namespace epaulet {
namespace {

std::string ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->to_string() : "none";
}

TEST(IpAddress, reads_both_families_and_writes_them_in_their_shortest_form) {
  EXPECT_EQ(ip("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(ip("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(ip("fd00:0:0:0:0:0:0:1"), "fd00::1");
  EXPECT_EQ(ip("[fd00::1]"), "fd00::1");
  EXPECT_EQ(ip("FD00::A"), "fd00::a");
  EXPECT_EQ(ip("::"), "::");
}

TEST(IpAddress, refuses_what_is_not_exactly_an_address) {
  for (const std::string_view text :
       {"",           " ",          "10.0.0",      "10.0.0.1.",
        "10.0.0.256", "10.0.0.01",  "10.0.0.1 ",   " 10.0.0.1",
        "0x0a.0.0.1", "10.0.0.1/8", "10.0.0.1:80", "fd00::1%eth0",
        "fd00:::1",   "fd00::1::2", "[]",          "[10.0.0.1]",
        "[fd00::1",   "fd00::1]",   "[[fd00::1]]", "1:2:3:4:5:6:7:8:9",
        "localhost"}) {
    EXPECT_EQ(ip(text), "none") << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0", 9)));
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
}

TEST(IpAddress, holds_a_mapped_ipv4_address_as_ipv4) {
  const auto mapped = IpAddress::parse("::ffff:10.1.2.3");
  ASSERT_TRUE(mapped);
  EXPECT_TRUE(mapped->is_v4());
  EXPECT_FALSE(mapped->is_v6());
  EXPECT_EQ(*mapped, IpAddress::v4(0x0A010203));
  EXPECT_EQ(mapped->to_v4(), 0x0A010203U);
  EXPECT_EQ(mapped->to_string(), "10.1.2.3");
  // Compatible and translated ones are IPv6.
  EXPECT_TRUE(IpAddress::parse("::10.1.2.3")->is_v6());
  EXPECT_TRUE(IpAddress::parse("::ffff:0:10.1.2.3")->is_v6());
}

TEST(IpAddress, keeps_the_order_of_the_network) {
  const auto bytes = IpAddress::v4(0x01020304).bytes();
  EXPECT_EQ(bytes[0], 1);
  EXPECT_EQ(bytes[3], 4);
  EXPECT_EQ(IpAddress::v4(0x01020304).to_string(), "1.2.3.4");
  EXPECT_EQ(IpAddress::v4(0xFF020304).to_v4(), 0xFF020304U);
}

TEST(IpAddress, knows_loopback_and_unspecified) {
  EXPECT_TRUE(IpAddress::parse("127.0.0.1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("127.255.0.9")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::ffff:127.0.0.1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("7f00::1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress::parse("0.0.0.1")->is_unspecified());
  EXPECT_TRUE(IpAddress().is_unspecified());
}

TEST(IpAddress, families_never_compare_equal) {
  EXPECT_NE(*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::"));
  EXPECT_LT(*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"));
  EXPECT_NE(IpAddressHash()(*IpAddress::parse("0.0.0.0")),
            IpAddressHash()(*IpAddress::parse("::")));
}

bool within(std::string_view network, std::string_view address) {
  const auto parsed = IpNetwork::parse(network);
  EXPECT_TRUE(parsed) << network;
  return parsed && parsed->contains(*IpAddress::parse(address));
}

TEST(IpNetwork, contains_what_shares_its_prefix) {
  EXPECT_TRUE(within("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(within("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(within("192.168.4.0/22", "192.168.7.255"));
  EXPECT_FALSE(within("192.168.4.0/22", "192.168.8.0"));
  EXPECT_FALSE(within("192.168.4.0/22", "192.168.3.255"));
  EXPECT_TRUE(within("240.0.0.0/4", "255.0.0.1"));
  EXPECT_TRUE(within("0.0.0.0/0", "203.0.113.9"));
  EXPECT_TRUE(within("fd00::/8", "fdff::1"));
  EXPECT_FALSE(within("fd00::/8", "fe00::1"));
  EXPECT_TRUE(within("2001:db8::/33", "2001:db8:7fff::"));
  EXPECT_FALSE(within("2001:db8::/33", "2001:db8:8000::"));
  EXPECT_TRUE(within("::/0", "2001:db8::1"));
}

TEST(IpNetwork, an_address_without_a_prefix_contains_itself_alone) {
  EXPECT_TRUE(within("10.0.0.1", "10.0.0.1"));
  EXPECT_FALSE(within("10.0.0.1", "10.0.0.0"));
  EXPECT_FALSE(within("fd00::1/128", "fd00::2"));
  EXPECT_TRUE(within("fd00::1/127", "fd00::"));
  EXPECT_FALSE(within("fd00::1/127", "fd00::2"));
}

TEST(IpNetwork, does_not_mix_families) {
  EXPECT_FALSE(within("0.0.0.0/0", "fd00::1"));
  EXPECT_FALSE(within("::/0", "10.0.0.1"));
  EXPECT_TRUE(within("0.0.0.0/0", "::ffff:10.0.0.1"));
}

TEST(IpNetwork, refuses_prefixes_that_do_not_fit) {
  for (const std::string_view text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8x",
        "10.0.0.0/ 8", "10.0.0.0/8/8", "fd00::/129", "10.0.0.0/4294967304", "10.0.0/8"}) {
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
  }
  EXPECT_EQ(IpNetwork::parse("10.0.0.0/32")->to_string(), "10.0.0.0/32");
  EXPECT_EQ(IpNetwork::parse("fd00::")->to_string(), "fd00::/128");
}

std::string socket(std::string_view text) {
  const auto address = SocketAddress::parse(text);
  return address ? address->to_string() : "none";
}

TEST(SocketAddress, reads_what_it_writes) {
  for (const std::string_view text :
       {"10.0.0.1:80", "10.0.0.1:0", "0.0.0.0:65535", "[fd00::1]:8080", "[::]:1"}) {
    EXPECT_EQ(socket(text), text);
  }
  EXPECT_EQ(socket("[::ffff:10.0.0.1]:80"), "10.0.0.1:80");
}

TEST(SocketAddress, refuses_what_could_be_read_in_two_ways) {
  for (const std::string_view text :
       {"", ":", ":80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0.1:+1",
        "10.0.0.1: 1", "10.0.0.1:1 ", "10.0.0.1:80:80", "fd00::1:80", "fd00::1", "[fd00::1]",
        "[fd00::1]80", "[fd00::1]]:80", "[10.0.0.1]:80", "localhost:80", "10.0.0.1:0x50"}) {
    EXPECT_EQ(socket(text), "none") << text;
  }
}

TEST(SocketAddress, survives_the_kernels_form) {
  for (const std::string_view text : {"10.1.2.3:8080", "[2001:db8::5]:443"}) {
    const auto address = *SocketAddress::parse(text);
    sockaddr_storage storage;
    std::memset(&storage, 0xff, sizeof storage);
    const auto length = address.to_sockaddr(storage);
    EXPECT_EQ(length, address.ip.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    EXPECT_EQ(storage.ss_family, address.ip.is_v4() ? AF_INET : AF_INET6);
    EXPECT_EQ(SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage)), address);
  }
}

TEST(SocketAddress, is_written_in_the_order_of_the_network) {
  sockaddr_storage storage;
  (void)SocketAddress::parse("1.2.3.4:258")->to_sockaddr(storage);
  sockaddr_in in;
  std::memcpy(&in, &storage, sizeof in);
  EXPECT_EQ(in.sin_port, htons(258));
  EXPECT_EQ(in.sin_addr.s_addr, htonl(0x01020304));

  (void)SocketAddress::parse("[fd00::1]:258")->to_sockaddr(storage);
  sockaddr_in6 in6;
  std::memcpy(&in6, &storage, sizeof in6);
  EXPECT_EQ(in6.sin6_port, htons(258));
  EXPECT_EQ(in6.sin6_scope_id, 0U);
  EXPECT_EQ(in6.sin6_flowinfo, 0U);
}

TEST(SocketAddress, a_mapped_peer_of_an_ipv6_socket_is_ipv4) {
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(80);
  ASSERT_EQ(inet_pton(AF_INET6, "::ffff:10.0.0.1", &in6.sin6_addr), 1);
  const auto address = SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&in6));
  EXPECT_EQ(address->to_string(), "10.0.0.1:80");
}

TEST(SocketAddress, other_families_are_none) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&local)));
}

TEST(SocketAddress, differs_and_hashes_by_address_and_port) {
  std::unordered_set<std::size_t> hashes;
  std::unordered_set<SocketAddress, SocketAddressHash> addresses;
  for (std::uint32_t host = 0; host < 50; ++host) {
    for (std::uint16_t port = 0; port < 50; ++port) {
      const SocketAddress address{IpAddress::v4(0x0A000000 + host), port};
      hashes.insert(SocketAddressHash()(address));
      addresses.insert(address);
    }
  }
  EXPECT_EQ(addresses.size(), 2500U);
  EXPECT_GT(hashes.size(), 2490U);
}

}  // namespace
}  // namespace epaulet

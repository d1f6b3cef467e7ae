#include "route/destinations.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

SocketAddress address(std::string_view text) {
  return *SocketAddress::parse(text);
}
IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

/// Services billing (its backend has static endpoints) and shop (two ports, by DNS).
class DestinationsTest : public testing::Test {
 protected:
  DestinationsTest() {
    settings_.dns.virtual_v6 = *IpNetwork::parse("fd00:e9a0::/32");
    auto& shop = settings_.services["shop"];
    shop.name = "shop";
    shop.ports = {{80, PortProtocol::http}, {5432, PortProtocol::tcp}};
    shop.default_backend = "shop";
    auto& billing = settings_.services["billing"];
    billing.name = "billing";
    billing.ports = {{80, PortProtocol::http}};
    billing.default_backend = "billing";
    settings_.backends["shop"].endpoints.dns = "shop.internal";
    settings_.backends["billing"].endpoints.addresses = {address("10.0.0.5:8080"),
                                                         address("[fd01::5]:8080")};
    settings_.backends["archive"].endpoints.addresses = {address("10.0.0.9:9000")};
  }

  Destination find(std::string_view original) const {
    const Destinations destinations(settings_, {{ip("240.0.0.1"), "billing"},
                                                {ip("240.0.0.2"), "shop"},
                                                {ip("fd00:e9a0::2"), "shop"},
                                                {ip("240.0.0.3"), "gone"}});
    return destinations.find(address(original));
  }

  Settings settings_;
};

using Kind = Destination::Kind;

TEST_F(DestinationsTest, a_virtual_address_with_a_port_of_its_service_is_the_service) {
  const auto http = find("240.0.0.2:80");
  EXPECT_EQ(http.kind, Kind::service);
  EXPECT_EQ(http.service, 1u) << "billing, shop";
  EXPECT_EQ(http.service_port, 80);
  EXPECT_EQ(http.protocol, PortProtocol::http);
  EXPECT_EQ(http.backend, Destination::kNone);
  const auto tcp = find("[fd00:e9a0::2]:5432");
  EXPECT_EQ(tcp.kind, Kind::service);
  EXPECT_EQ(tcp.service, 1u);
  EXPECT_EQ(tcp.service_port, 5432);
  EXPECT_EQ(tcp.protocol, PortProtocol::tcp);
  EXPECT_EQ(find("240.0.0.1:80").service, 0u);
}

TEST_F(DestinationsTest, a_mapped_address_is_the_same_address) {
  EXPECT_EQ(find("[::ffff:240.0.0.2]:80").kind, Kind::service);
}

TEST_F(DestinationsTest, a_port_that_the_service_lacks_is_unknown_but_names_the_service) {
  const auto other = find("240.0.0.1:5432");
  EXPECT_EQ(other.kind, Kind::unknown);
  EXPECT_EQ(other.service, 0u);
  EXPECT_EQ(find("[fd00:e9a0::2]:81").kind, Kind::unknown);
}

TEST_F(DestinationsTest, virtual_addresses_never_go_out) {
  for (const std::string_view text : {"240.0.0.3:80", "240.0.0.4:80", "255.255.255.254:80",
                                      "[fd00:e9a0::7]:80", "[fd00:e9a0:ffff::]:443"}) {
    EXPECT_EQ(find(text).kind, Kind::unknown) << text;
    EXPECT_EQ(find(text).service, Destination::kNone) << text;
  }
}

TEST_F(DestinationsTest, an_endpoints_own_address_is_that_endpoint) {
  const auto endpoint = find("10.0.0.5:8080");
  EXPECT_EQ(endpoint.kind, Kind::endpoint);
  EXPECT_EQ(endpoint.backend, 1u) << "archive, billing, shop";
  EXPECT_EQ(endpoint.service, 0u);
  EXPECT_EQ(endpoint.protocol, PortProtocol::http);
  EXPECT_EQ(find("[fd01::5]:8080").backend, 1u);
  const auto lone = find("10.0.0.9:9000");
  EXPECT_EQ(lone.kind, Kind::endpoint);
  EXPECT_EQ(lone.backend, 0u);
  EXPECT_EQ(lone.service, Destination::kNone) << "no service has this backend";
  EXPECT_EQ(lone.protocol, PortProtocol::automatic);
}

TEST_F(DestinationsTest, with_several_ports_an_endpoints_protocol_is_not_guessed) {
  settings_.backends["shop"].endpoints.addresses = {address("10.0.0.7:80")};
  EXPECT_EQ(find("10.0.0.7:80").service, 1u);
  EXPECT_EQ(find("10.0.0.7:80").protocol, PortProtocol::automatic);
}

TEST_F(DestinationsTest, an_address_of_several_backends_belongs_to_the_first_by_name) {
  settings_.backends["archive"].endpoints.addresses.push_back(address("10.0.0.5:8080"));
  EXPECT_EQ(find("10.0.0.5:8080").backend, 0u);
}

TEST_F(DestinationsTest, of_two_services_with_one_backend_the_first_by_name_has_its_endpoints) {
  auto& alias = settings_.services["alias"];
  alias.name = "alias";
  alias.default_backend = "billing";
  EXPECT_EQ(find("10.0.0.5:8080").service, 0u) << "alias";
  EXPECT_EQ(find("240.0.0.1:80").service, 1u) << "alias, billing, shop";
}

TEST_F(DestinationsTest, everything_else_is_outside_the_mesh) {
  for (const std::string_view text :
       {"10.0.0.5:8081", "10.0.0.6:8080", "1.1.1.1:443", "[fd01::5]:80", "[fd00:e9a1::1]:80",
        "127.0.0.1:80", "239.255.255.255:80"}) {
    EXPECT_EQ(find(text).kind, Kind::egress) << text;
  }
}

TEST_F(DestinationsTest, an_endpoint_inside_the_virtual_range_is_still_an_endpoint) {
  settings_.backends["archive"].endpoints.addresses.push_back(address("240.0.0.200:80"));
  EXPECT_EQ(find("240.0.0.200:80").kind, Kind::endpoint);
}

}  // namespace
}  // namespace epaulet

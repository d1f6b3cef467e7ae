#include "detect/mesh_alpn.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "detect/client_hello.h"

namespace epaulet::detect {
namespace {

std::string wire(std::initializer_list<std::string_view> names) {
  std::string out;
  for (const auto name : names) out.append(1, static_cast<char>(name.size())).append(name);
  return out;
}

TEST(MeshAlpn, knows_the_tokens_of_the_wire_contract) {
  EXPECT_EQ(mesh_protocol("epaulet/1-h1"), MeshProtocol::http1);
  EXPECT_EQ(mesh_protocol("epaulet/1-h2"), MeshProtocol::http2);
  EXPECT_EQ(mesh_protocol("epaulet/1-tcp"), MeshProtocol::opaque);
  EXPECT_EQ(mesh_protocol("epaulet/1-any"), MeshProtocol::any);
  EXPECT_EQ(mesh_protocol("epaulet/1-h1-in-h2"), MeshProtocol::multiplexed);
  for (const auto protocol : {MeshProtocol::http1, MeshProtocol::http2, MeshProtocol::opaque,
                              MeshProtocol::any, MeshProtocol::multiplexed}) {
    EXPECT_EQ(mesh_protocol(token_of(protocol)), protocol);
    EXPECT_TRUE(is_mesh(wire({token_of(protocol)})));
  }
}

TEST(MeshAlpn, tokens_compare_octet_for_octet) {
  for (const std::string_view token :
       {"", "epaulet/1-H1", "Epaulet/1-h1", "epaulet/1-h1 ", "epaulet/1-h11", "epaulet/1"}) {
    EXPECT_EQ(mesh_protocol(token), std::nullopt) << token;
  }
}

TEST(MeshAlpn, what_applications_offer_is_foreign) {
  EXPECT_EQ(judge_alpn(""), AlpnVerdict::foreign);
  EXPECT_EQ(judge_alpn(wire({"h2", "http/1.1"})), AlpnVerdict::foreign);
  EXPECT_EQ(judge_alpn(wire({"epaulet"})), AlpnVerdict::foreign);
  EXPECT_EQ(judge_alpn(wire({"xepaulet/1-h1"})), AlpnVerdict::foreign);
  EXPECT_EQ(judge_alpn(wire({"EPAULET/1-h1"})), AlpnVerdict::foreign);
}

TEST(MeshAlpn, a_version_that_we_do_not_know_is_told_apart_from_foreign) {
  for (const std::string_view token :
       {"epaulet/2-h1", "epaulet/1-quic", "epaulet/", "epaulet/10-h1", "epaulet/1-h3"}) {
    EXPECT_EQ(judge_alpn(wire({token})), AlpnVerdict::unknown_mesh) << token;
    EXPECT_EQ(judge_alpn(wire({"http/1.1", token})), AlpnVerdict::unknown_mesh) << token;
    EXPECT_FALSE(is_mesh(wire({token})));
  }
}

TEST(MeshAlpn, a_peer_that_offers_our_version_beside_another_is_served) {
  EXPECT_EQ(judge_alpn(wire({"epaulet/2-h1", "epaulet/1-h1"})), AlpnVerdict::mesh);
  EXPECT_EQ(judge_alpn(wire({"epaulet/1-h1", "epaulet/2-h1"})), AlpnVerdict::mesh);
  EXPECT_EQ(judge_alpn(wire({"h2", "epaulet/1-any"})), AlpnVerdict::mesh);
}

TEST(MeshAlpn, a_list_whose_lengths_lie_is_read_within_its_bounds) {
  EXPECT_EQ(judge_alpn("\xff"
                       "epaulet/1-h1"),
            AlpnVerdict::mesh);
  EXPECT_EQ(judge_alpn(std::string_view("\0\0\0", 3)), AlpnVerdict::foreign);
}

}  // namespace
}  // namespace epaulet::detect

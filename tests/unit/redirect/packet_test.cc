#include "redirect/packet.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace epaulet::redirect {
namespace {

constexpr MacAddress kFrom{2, 0, 0, 0, 0, 1};
constexpr MacAddress kTo{2, 0, 0, 0, 0, 2};

Flow flow(Transport transport, const char* from, const char* to) {
  return {transport, *SocketAddress::parse(from), *SocketAddress::parse(to)};
}

using Bytes = std::vector<std::uint8_t>;

Bytes part(const Bytes& frame, std::size_t from, std::size_t size = ~std::size_t{0}) {
  const auto first = frame.begin() + static_cast<std::ptrdiff_t>(from);
  return {first,
          size > frame.size() - from ? frame.end() : first + static_cast<std::ptrdiff_t>(size)};
}

/// RFC 1071: the sum over what a checksum covers, the checksum included, is all ones.
std::uint16_t sum_of(Bytes covered, const Bytes& segment, std::uint8_t protocol) {
  covered.insert(covered.end(), {0, protocol, 0, static_cast<std::uint8_t>(segment.size())});
  covered.insert(covered.end(), segment.begin(), segment.end());
  return internet_checksum(covered);
}

TEST(InternetChecksum, gives_the_example_of_rfc_1071) {
  const Bytes example{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_checksum(example), static_cast<std::uint16_t>(~0xddf2));
}

TEST(InternetChecksum, pads_an_odd_byte_and_folds_every_carry) {
  EXPECT_EQ(internet_checksum(Bytes{0x12}), static_cast<std::uint16_t>(~0x1200));
  EXPECT_EQ(internet_checksum(Bytes(64, 0xff)), 0);
  EXPECT_EQ(internet_checksum({}), 0xffff);
}

TEST(EthernetFrame, carries_an_ipv4_syn_that_its_receiver_finds_intact) {
  const auto frame = ethernet_frame(
      kFrom, kTo, flow(Transport::tcp, "10.0.0.2:40000", "10.0.0.1:8080"), PacketKind::first);
  ASSERT_EQ(frame.size(), 14u + 20 + 20);
  EXPECT_EQ(part(frame, 0, 14), (Bytes{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00}));
  EXPECT_EQ(internet_checksum(part(frame, 14, 20)), 0);
  EXPECT_EQ(part(frame, 16, 2), (Bytes{0, 40}));  // total length
  EXPECT_EQ(frame[23], 6);
  const auto segment = part(frame, 34);
  EXPECT_EQ(part(segment, 0, 4), (Bytes{0x9c, 0x40, 0x1f, 0x90}));
  EXPECT_EQ(segment[13], 0x02);
  EXPECT_EQ(sum_of(part(frame, 26, 8), segment, 6), 0);
}

TEST(EthernetFrame, carries_an_ipv6_syn_that_its_receiver_finds_intact) {
  const auto frame = ethernet_frame(kFrom, kTo, flow(Transport::tcp, "[fd00::2]:1", "[fd00::1]:2"),
                                    PacketKind::first);
  ASSERT_EQ(frame.size(), 14u + 40 + 20);
  EXPECT_EQ(part(frame, 12, 2), (Bytes{0x86, 0xdd}));
  EXPECT_EQ(part(frame, 14, 8), (Bytes{0x60, 0, 0, 0, 0, 20, 6, 64}));
  EXPECT_EQ(sum_of(part(frame, 22, 32), part(frame, 54), 6), 0);
}

TEST(EthernetFrame, carries_an_empty_datagram_with_a_checksum_in_both_families) {
  const auto v4 = ethernet_frame(kFrom, kTo, flow(Transport::udp, "10.0.0.2:9", "10.0.0.1:53"),
                                 PacketKind::first);
  ASSERT_EQ(v4.size(), 14u + 20 + 8);
  EXPECT_EQ(part(v4, 38, 2), (Bytes{0, 8}));
  EXPECT_EQ(sum_of(part(v4, 26, 8), part(v4, 34), 17), 0);
  const auto v6 = ethernet_frame(kFrom, kTo, flow(Transport::udp, "[fd00::2]:9", "[fd00::1]:53"),
                                 PacketKind::first);
  EXPECT_EQ(sum_of(part(v6, 22, 32), part(v6, 54), 17), 0);
}

TEST(EthernetFrame, never_sends_a_udp_checksum_of_zero) {
  // RFC 768: zero means "no checksum", which RFC 8200 section 8.1 forbids in IPv6. Of all source
  // ports one makes the sum come out so; it must be sent as all ones.
  int all_ones = 0;
  for (unsigned port = 1; port < 65536; ++port) {
    auto one = flow(Transport::udp, "10.0.0.2:9", "10.0.0.1:53");
    one.source.port = static_cast<std::uint16_t>(port);
    const auto frame = ethernet_frame(kFrom, kTo, one, PacketKind::first);
    ASSERT_NE(part(frame, 40, 2), (Bytes{0, 0})) << port;
    all_ones += part(frame, 40, 2) == Bytes{0xff, 0xff} ? 1 : 0;
  }
  EXPECT_EQ(all_ones, 1);
}

TEST(EthernetFrame, takes_a_syn_back_with_a_reset_in_its_window) {
  const auto one = flow(Transport::tcp, "10.0.0.2:1", "10.0.0.1:2");
  const auto syn = ethernet_frame(kFrom, kTo, one, PacketKind::first);
  const auto reset = ethernet_frame(kFrom, kTo, one, PacketKind::reset);
  EXPECT_EQ(reset[34 + 13], 0x04);
  EXPECT_EQ(reset[34 + 7], syn[34 + 7] + 1);  // the sequence number after the SYN
  EXPECT_EQ(sum_of(part(reset, 26, 8), part(reset, 34), 6), 0);
}

TEST(EthernetFrame, makes_a_stray_a_syn_ack) {
  const auto stray = ethernet_frame(kFrom, kTo, flow(Transport::tcp, "10.0.0.2:1", "10.0.0.1:2"),
                                    PacketKind::stray);
  EXPECT_EQ(stray[34 + 13], 0x12);
}

}  // namespace
}  // namespace epaulet::redirect

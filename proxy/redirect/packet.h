#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "redirect/conntrack.h"

namespace epaulet::redirect {

using MacAddress = std::array<std::uint8_t, 6>;

/// `first`: a SYN, or a datagram. The others are TCP only: `reset` takes a SYN back, `stray` is a
/// SYN-ACK that nobody asked for, which connection tracking calls invalid and NAT therefore leaves.
enum class PacketKind : std::uint8_t { first, reset, stray };

/// One Ethernet frame of `flow` (RFC 894, RFC 791, RFC 8200, RFC 9293, RFC 768), checksums filled
/// in. Both addresses are of one family.
[[nodiscard]] std::vector<std::uint8_t> ethernet_frame(const MacAddress& from, const MacAddress& to,
                                                       const Flow& flow, PacketKind kind);

/// The Internet checksum (RFC 1071) of `bytes`, which are padded with a zero byte if odd.
[[nodiscard]] std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes);

}  // namespace epaulet::redirect

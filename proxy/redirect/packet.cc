#include "redirect/packet.h"

#include <netinet/in.h>

namespace epaulet::redirect {
namespace {

constexpr std::uint8_t kHopLimit = 64;
constexpr std::uint32_t kSequence = 1;  // nobody continues the connection
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kAck = 0x10;

using Bytes = std::vector<std::uint8_t>;

void put16(Bytes& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void put(Bytes& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put(Bytes& out, const IpAddress& address) {
  put(out, std::span(address.bytes()).first(address.is_v4() ? 4 : 16));
}

void set16(Bytes& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint8_t flags_of(PacketKind kind) {
  switch (kind) {
    case PacketKind::first:
      return kSyn;
    case PacketKind::reset:
      return kRst;
    case PacketKind::stray:
      return kSyn | kAck;
  }
  return 0;
}

std::uint8_t protocol_of(const Flow& flow) {
  return flow.transport == Transport::tcp ? IPPROTO_TCP : IPPROTO_UDP;
}

/// RFC 9293 section 3.1, RFC 8200 section 8.1: what the checksum covers beside the segment.
Bytes pseudo_header(const Flow& flow, std::size_t length) {
  Bytes out;
  put(out, flow.source.ip);
  put(out, flow.destination.ip);
  put32(out, static_cast<std::uint32_t>(length));  // IPv4 has 16 bits here: the sum is the same
  put32(out, protocol_of(flow));
  return out;
}

Bytes segment(const Flow& flow, PacketKind kind) {
  Bytes out;
  put16(out, flow.source.port);
  put16(out, flow.destination.port);
  std::size_t checksum_at = 0;
  if (flow.transport == Transport::tcp) {
    put32(out, kind == PacketKind::reset ? kSequence + 1 : kSequence);
    put32(out, 0);          // acknowledges nothing
    out.push_back(5 << 4);  // header length in words
    out.push_back(flags_of(kind));
    put16(out, 65535);  // window
    checksum_at = out.size();
    put16(out, 0);
    put16(out, 0);  // urgent pointer
  } else {
    put16(out, 8);  // header alone: an empty datagram
    checksum_at = out.size();
    put16(out, 0);
  }
  auto covered = pseudo_header(flow, out.size());
  put(covered, std::span<const std::uint8_t>(out));
  const auto sum = internet_checksum(covered);
  // RFC 768: a UDP checksum of zero means "none" and is sent as all ones.
  set16(out, checksum_at, sum == 0 && flow.transport == Transport::udp ? 0xffff : sum);
  return out;
}

Bytes ip_header(const Flow& flow, std::size_t length) {
  Bytes out;
  if (flow.destination.ip.is_v4()) {
    out.push_back(0x45);
    out.push_back(0);
    put16(out, static_cast<std::uint32_t>(20 + length));
    put16(out, 0);
    put16(out, 0x4000);  // do not fragment, so no identification is needed (RFC 6864)
    out.push_back(kHopLimit);
    out.push_back(protocol_of(flow));
    put16(out, 0);
    put(out, flow.source.ip);
    put(out, flow.destination.ip);
    set16(out, 10, internet_checksum(out));
  } else {
    put32(out, 6u << 28);
    put16(out, static_cast<std::uint32_t>(length));
    out.push_back(protocol_of(flow));
    out.push_back(kHopLimit);
    put(out, flow.source.ip);
    put(out, flow.destination.ip);
  }
  return out;
}

}  // namespace

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const unsigned low = i + 1 < bytes.size() ? bytes[i + 1] : 0;
    sum += static_cast<std::uint32_t>(bytes[i] << 8 | low);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::vector<std::uint8_t> ethernet_frame(const MacAddress& from, const MacAddress& to,
                                         const Flow& flow, PacketKind kind) {
  const auto body = segment(flow, kind);
  Bytes out;
  put(out, to);
  put(out, from);
  put16(out, flow.destination.ip.is_v4() ? 0x0800 : 0x86dd);
  put(out, ip_header(flow, body.size()));
  put(out, body);
  return out;
}

}  // namespace epaulet::redirect

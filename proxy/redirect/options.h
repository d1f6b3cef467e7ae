#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"

namespace epaulet::redirect {

/// `automatic`: IPv6 is redirected wherever the pod has it; a pod with a global IPv6 address whose
/// rules do not work is a failure. `on`: a pod without IPv6 is a failure too. `off`: IPv6 is
/// closed: it is not redirected, and so nothing comes in or leaves by it except over loopback.
enum class Ipv6Mode : std::uint8_t { automatic, on, off };

/// Whose programs put the rules in place. `automatic`: nft where it works, else iptables.
/// `iptables`: the system's choice of the two, else the other; they share nothing but the syntax.
enum class BackendChoice : std::uint8_t { automatic, nft, iptables, iptables_nft, iptables_legacy };

/// Ports that a neighbour may always dial: mesh TLS, metrics, health.
inline constexpr std::uint16_t kDirectPorts[] = {15008, 15020, 15021};
inline constexpr std::uint16_t kDnsPort = 53;
/// Of each list below. nft takes more, but nobody means more.
inline constexpr std::size_t kListMax = 128;

/// What `epaulet redirect` was asked to do. Plain data.
struct RedirectOptions {
  std::uint32_t uid = 1337;  ///< The proxy's user, never redirected.
  std::vector<std::uint32_t> exclude_uids;
  std::vector<std::uint32_t>
      include_uids;  ///< If any: other users are not redirected, DNS neither.

  std::uint16_t outbound_port = 15001;  ///< On 127.0.0.1 and ::1.
  std::uint16_t inbound_port = 15006;
  std::uint16_t dns_port = 15053;  ///< On 127.0.0.1 and ::1, UDP and TCP.

  std::vector<std::uint16_t> exclude_inbound_ports;   ///< TCP that reaches the app as it comes.
  std::vector<std::uint16_t> exclude_outbound_ports;  ///< TCP that leaves as it is; not DNS.
  std::vector<IpNetwork> exclude_outbound_networks;   ///< The same by destination; not DNS.
  /// If any: other TCP reaches the app as it comes, past every rule.
  std::vector<std::uint16_t> include_inbound_ports;
  /// If either has any: TCP to none of these ports and none of these networks leaves as it is. DNS
  /// and virtual addresses are redirected all the same, and exclusions come first.
  std::vector<std::uint16_t> include_outbound_ports;
  std::vector<IpNetwork> include_outbound_networks;
  std::vector<std::uint16_t> allow_udp_ports;  ///< UDP that the app serves.

  IpNetwork virtual_v4{IpAddress::v4(0xF0000000u), 4};
  IpNetwork virtual_v6 = *IpNetwork::parse("fd00:e9a0::/32");
  Ipv6Mode ipv6 = Ipv6Mode::automatic;
  BackendChoice backend = BackendChoice::automatic;

  /// Loopback addresses in /etc/resolv.conf: the only loopback destinations that are redirected.
  std::vector<IpAddress> loopback_nameservers;

  /// Every user that is never redirected, `uid` first.
  [[nodiscard]] std::vector<std::uint32_t> exempt_uids() const;
  /// Every TCP port that is not redirected on its way in, if `include_inbound_ports` is empty.
  [[nodiscard]] std::vector<std::uint16_t> direct_ports() const;
  /// `include_inbound_ports` without those that are direct.
  [[nodiscard]] std::vector<std::uint16_t> included_inbound_ports() const;
  [[nodiscard]] bool includes_outbound() const {
    return !include_outbound_ports.empty() || !include_outbound_networks.empty();
  }
};

/// An address from its bytes in network order, four of them significant for IPv4.
[[nodiscard]] IpAddress address_from(bool is_v4, const std::array<std::uint8_t, 16>& bytes);

/// The network with its host bits cleared: 10.1.2.3/8 becomes 10.0.0.0/8, as nft and routes want
/// it.
[[nodiscard]] IpNetwork masked(const IpNetwork& network);

/// What contradicts itself in the options, one sentence each; empty if nothing does.
[[nodiscard]] std::vector<std::string> contradictions(const RedirectOptions& options);

}  // namespace epaulet::redirect

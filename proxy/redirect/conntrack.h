#pragma once

#include <cstdint>
#include <optional>

#include "base/address.h"
#include "redirect/failure.h"
#include "redirect/netlink.h"

namespace epaulet::redirect {

enum class Transport : std::uint8_t { tcp, udp };

/// A connection or datagram flow as its sender sees it.
struct Flow {
  Transport transport = Transport::tcp;
  SocketAddress source;
  SocketAddress destination;
};

/// Asks the kernel's connection tracking what NAT made of a flow: the one answer that is exact,
/// needs no listener of ours, and does not vanish when a running proxy closes the connection.
/// Needs CAP_NET_ADMIN and nf_conntrack_netlink.
class Conntrack {
 public:
  Conntrack() : socket_(NETLINK_NETFILTER) {}

  /// Who answers the flow: its destination if nothing redirected it, else where it was redirected.
  /// Nothing if the flow is not tracked: it was dropped, refused, or has not happened.
  [[nodiscard]] OrFailure<std::optional<SocketAddress>> answering(const Flow& flow);

  /// Removes the flow's entry if there is one, so that a NAT decision is not remembered.
  void forget(const Flow& flow);

 private:
  NetlinkSocket socket_;
};

}  // namespace epaulet::redirect

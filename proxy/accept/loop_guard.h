#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/address.h"

namespace epaulet {

/// True if a connection to `ip` would stay on this host: a loopback address or one of an interface.
///
/// Asks the kernel which source it would use (a connected UDP socket sends nothing): for most
/// addresses of our own that is the address itself. For the second one of a network it is the
/// first, so the interfaces are asked too. Always current, unlike a list read at start, and not
/// fooled by `ip_nonlocal_bind`, unlike a trial bind. Cost: about ten system calls; false if they
/// fail.
[[nodiscard]] bool is_local_address(const IpAddress& ip);

/// Knows the sidecar's own listeners, so that nobody reaches them as the destination of something
/// else: the connection would come back to us, and what we dial carries our identity.
///
/// Filled once, before the first connection is served; afterwards any thread may ask.
class LoopGuard {
 public:
  using IsLocal = bool (*)(const IpAddress&);
  explicit LoopGuard(IsLocal is_local = is_local_address) : is_local_(is_local) {}

  void add(const SocketAddress& listener);

  /// Is this one of our listeners, or the same port on any other local address of this host?
  ///
  /// The latter is what any-address listeners need, and holds for loopback ones too: a neighbour
  /// that dials podIP:15001 reaches 15006 with that destination, and nothing but us is meant.
  /// Cost: a short scan; system calls only for a port of ours on an address that no listener names.
  [[nodiscard]] bool is_ours(const SocketAddress& destination) const;

  /// Is this one of our ports, whatever the address? Inbound never delivers to these.
  [[nodiscard]] bool is_own_port(std::uint16_t port) const;

  /// May what enters the pod be delivered to `ip`? An address of this host, but no loopback one.
  /// `arrived_at`: where it was redirected to, an address of the interface it came in by.
  /// Cost: system calls only if the two differ.
  [[nodiscard]] bool may_deliver_to(const IpAddress& ip, const IpAddress& arrived_at) const;

  [[nodiscard]] std::span<const SocketAddress> listeners() const { return listeners_; }

 private:
  IsLocal is_local_;
  std::vector<SocketAddress> listeners_;
};

}  // namespace epaulet

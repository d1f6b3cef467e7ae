#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "redirect/conntrack.h"
#include "redirect/failure.h"
#include "redirect/options.h"
#include "redirect/packet.h"
#include "redirect/pod.h"

namespace epaulet::redirect {

/// `own` will be an address of the pod, `neighbour` one of nobody beside it.
struct ScaffoldAddresses {
  IpAddress own;
  IpAddress neighbour;
};

/// Addresses that no exclusion, virtual network or interface of the pod contains, so that what is
/// seen with them is what any other address would show. Nothing if every candidate is taken.
[[nodiscard]] std::optional<ScaffoldAddresses> choose_addresses(const RedirectOptions& options,
                                                                const Pod& pod, bool v4);

/// A neighbour to test the inbound rules with: a pair of virtual Ethernet interfaces in this
/// namespace, `epaulet0` where we put frames in and `epaulet1` where the pod receives them. Real
/// packets from outside cannot be made without a second namespace, which needs CAP_SYS_ADMIN.
/// Exists for some 100 ms; the destructor removes it, and building removes one left by a crash.
class Scaffold {
 public:
  /// Needs CAP_NET_ADMIN and CAP_NET_RAW.
  [[nodiscard]] static OrFailure<std::unique_ptr<Scaffold>> build(const RedirectOptions& options,
                                                                  const Pod& pod);
  ~Scaffold();
  Scaffold(const Scaffold&) = delete;
  Scaffold& operator=(const Scaffold&) = delete;

  /// The pair's addresses; IPv6 only if the kernel lets a new interface have it.
  [[nodiscard]] const std::optional<ScaffoldAddresses>& addresses(bool v4) const {
    return v4 ? v4_ : v6_;
  }

  /// The interface that leads to the neighbour, for sockets bound to it.
  [[nodiscard]] static const char* outside() { return "epaulet0"; }

  /// Lets `network` be dialled through `outside()`; no other socket is affected.
  void route_outside(const IpNetwork& network);

  /// The neighbour sends a packet of `flow`. Returns 0 or an errno.
  [[nodiscard]] int inject(const Flow& flow, PacketKind kind);

 private:
  Scaffold() : netlink_(NETLINK_ROUTE) {}
  [[nodiscard]] int create_pair();
  [[nodiscard]] int give_address(const IpAddress& address);
  [[nodiscard]] int wait_until_local(const IpAddress& address);
  [[nodiscard]] int open_injector();
  void remove_pair();

  NetlinkSocket netlink_;
  std::optional<ScaffoldAddresses> v4_;
  std::optional<ScaffoldAddresses> v6_;
  int injector_ = -1;
};

}  // namespace epaulet::redirect

#pragma once

#include <vector>

#include "base/address.h"
#include "redirect/failure.h"

namespace epaulet::redirect {

/// Marks our routes (`proto 137` in `ip route`), so that removing takes exactly ours.
inline constexpr unsigned char kRouteProtocol = 137;

/// Gives the virtual networks a route that ends at `lo`, and takes away our routes to others.
///
/// Without a default route, connect() to a virtual address fails before NAT is asked. The IPv4
/// route has scope host, so that the source is 127.0.0.1 whatever addresses the pod has (with the
/// usual scope link it is 0.0.0.0 in a pod without IPv4); for IPv6 the kernel takes the pod's
/// address or
/// ::1. May be called again; routes that are right already are not touched.
/// Fails if another's route to exactly such a network exists.
[[nodiscard]] OrFailure<void> set_virtual_routes(const std::vector<IpNetwork>& networks);

/// Removes every route of ours, if any.
[[nodiscard]] OrFailure<void> remove_virtual_routes();

}  // namespace epaulet::redirect

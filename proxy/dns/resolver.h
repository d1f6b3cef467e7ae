#pragma once

#include <functional>
#include <string>

#include "base/address.h"
#include "discovery/resolver.h"
#include "dns/upstream.h"

namespace epaulet {

/// A and AAAA, asked at the same time, through the upstream servers.
class UpstreamResolver final : public Resolver {
 public:
  /// Whether this host could send a packet there.
  using HasRoute = std::function<bool(const IpAddress&)>;

  /// Addresses without a route are left out, unless there are no others: a pod without IPv6 must
  /// not spend an attempt of every other request on an address of a dual-stack service.
  explicit UpstreamResolver(UpstreamDns& upstream, HasRoute has_route);

  Task<Result<Addresses>> resolve(std::string name, Scope& scope) override;

 private:
  UpstreamDns& upstream_;
  HasRoute has_route_;
};

/// Asks the kernel's routing table by connecting a UDP socket, which sends nothing.
[[nodiscard]] bool has_route(const IpAddress& address);

}  // namespace epaulet

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/address.h"
#include "discovery/resolver.h"
#include "dns/domain_name.h"
#include "dns/upstream.h"

namespace epaulet {

/// A and AAAA, asked at the same time, through the upstream servers. Names are absolute: the
/// configuration means the same in every pod, whatever search domains it has.
class UpstreamResolver final : public Resolver {
 public:
  /// Whether this host could send a packet there.
  using HasRoute = std::function<bool(const IpAddress&)>;

  /// Addresses without a route are left out, unless there are no others: a pod without IPv6 must
  /// not spend an attempt of every other request on an address of a dual-stack service.
  /// `upstream` outlives this object.
  UpstreamResolver(UpstreamDns& upstream, HasRoute has_route);
  ~UpstreamResolver() override;

  Task<Result<Addresses>> resolve(std::string name, Scope& scope) override;
  /// Targets without addresses beside them are asked for one after the other; the first that cannot
  /// be answered ends that.
  Task<Result<ServiceEndpoints>> resolve_service(std::string name, Scope& scope) override;

 private:
  /// Shared with the tasks, which may end later.
  struct State {
    UpstreamDns* upstream;  // Null once this object has gone.
    HasRoute has_route;
    /// What was not answered with EDNS is asked without the next time, and the other way round.
    bool with_edns = true;
  };
  static Task<Result<Addresses>> find_addresses(std::shared_ptr<State> state,
                                                std::optional<DomainName> name, Scope& scope);
  static Task<Result<ServiceEndpoints>> find_service(std::shared_ptr<State> state,
                                                     std::optional<DomainName> name, Scope& scope);
  std::shared_ptr<State> state_;
};

/// Asks the kernel's routing table by connecting a UDP socket, which sends nothing.
[[nodiscard]] bool has_route(const IpAddress& address);

}  // namespace epaulet

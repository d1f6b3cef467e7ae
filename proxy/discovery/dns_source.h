#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/address.h"
#include "config/settings.h"
#include "discovery/endpoint_source.h"
#include "discovery/resolver.h"
#include "runtime/loop.h"

namespace epaulet {

/// What all sources share: counts since the start, and what no server may talk us into.
struct DnsLooks {
  /// Background looks under way: ten thousand names are not asked for in one burst.
  std::size_t taken = 0;

  std::uint64_t answered = 0;
  std::uint64_t unknown = 0;  ///< An authoritative no.
  std::uint64_t failed = 0;   ///< Nobody gave a usable answer.
  std::uint64_t addresses_refused = 0;

  /// Those of apps' names, which lead back to ourselves.
  std::vector<IpNetwork> virtual_networks;
  /// Hears of each refused address.
  std::function<void(const std::string& backend, const IpAddress& address)> on_refused;

  /// False for addresses that mean this host, nobody or everybody. Of the pod's own addresses a
  /// service may be one.
  [[nodiscard]] bool may_be_endpoint(const IpAddress& address) const;
};

/// Endpoints from a name's A and AAAA records, or from its SRV records if the backend has no port.
///
/// Asks again when the TTL is over (LookSchedule), with up to 10 % of jitter. When no server
/// answers, the last good endpoints stay for as long as it takes. An authoritative "no" that a
/// second look confirms empties the set: then the endpoints are really gone, and the set still says
/// that there were some.
class DnsSource final : public EndpointSource {
 public:
  /// An answer without any address that may be an endpoint is none.
  ///
  /// `resolver` outlives the source.
  DnsSource(Loop& loop, Resolver& resolver, const BackendSettings& backend, Beginning beginning,
            std::shared_ptr<DnsLooks> looks);
  ~DnsSource() override;

  std::string_view kind() const override { return "dns"; }
  EndpointSetPtr current() const override;
  void start(OnChange on_change) override;
  Task<void> look(Scope& scope) override;

 private:
  /// Shared with the tasks that look and wait, which end one turn after the source.
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epaulet

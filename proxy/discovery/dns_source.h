#pragma once

#include <cstddef>
#include <memory>

#include "config/settings.h"
#include "discovery/endpoint_source.h"
#include "discovery/resolver.h"
#include "runtime/loop.h"

namespace epaulet {

/// Background looks under way, shared by all sources: ten thousand names are not asked for in one
/// burst.
struct LookSlots {
  std::size_t taken = 0;
};

/// Endpoints from a name's A and AAAA records, or from its SRV records if the backend has no port.
///
/// Asks again when the TTL is over (LookSchedule), with up to 10 % of jitter. When no server
/// answers, the last good endpoints stay for as long as it takes. An authoritative "no" that a
/// second look confirms empties the set: then the endpoints are really gone, and the set still says
/// that there were some.
class DnsSource final : public EndpointSource {
 public:
  /// `remembered`: what an earlier process left behind, or null. `resolver` outlives the source.
  DnsSource(Loop& loop, Resolver& resolver, const BackendSettings& backend,
            EndpointSetPtr remembered, std::shared_ptr<LookSlots> slots);
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

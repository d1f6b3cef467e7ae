#include "discovery/static_source.h"

#include <algorithm>

namespace epaulet {

StaticSource::StaticSource(const BackendSettings& backend, WallTime now, std::uint64_t version) {
  auto set = std::make_shared<EndpointSet>();
  set->backend = backend.name;
  set->version = version + 1;
  for (const auto& address : backend.endpoints.addresses) set->endpoints.push_back({address});
  for (const auto& [name, zone] : backend.endpoints.zones)
    for (const auto& address : zone.addresses)
      set->endpoints.push_back({address, 1, nullptr, name});
  auto& endpoints = set->endpoints;
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  set->ever_had_endpoint = !endpoints.empty();
  set->updated_at = now;
  set_ = std::move(set);
}

Task<void> StaticSource::look(Scope&) {
  co_return;
}

}  // namespace epaulet

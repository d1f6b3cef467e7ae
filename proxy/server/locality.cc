#include "server/locality.h"

#include <algorithm>

#include "balance/picker.h"

namespace epaulet::server {
namespace {

using resilience::Outliers;

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::optional<Locality> locality_of(const path::BackendState& backend, const EndpointSet& set,
                                    std::string_view own_zone, TimePoint now) {
  const auto& settings = backend.settings->balance.locality;
  const auto by = nearness_of(set, own_zone, settings.has_value());
  if (by == Nearness::none) return std::nullopt;
  const auto entries = backend.outliers->entries(now);
  const auto is_well = [&entries](const Endpoint& endpoint) {
    const auto entry = std::lower_bound(
        entries.begin(), entries.end(), endpoint.address,
        [](const auto& one, const SocketAddress& address) { return one.address < address; });
    return entry == entries.end() || entry->address != endpoint.address ||
           entry->standing == Outliers::Standing::in;
  };
  Locality locality;
  locality.by = by;
  std::uint64_t own = 0;
  std::uint64_t own_well = 0;
  std::uint64_t others = 0;
  std::uint64_t others_well = 0;
  for (const auto& endpoint : set.endpoints) {
    const bool is_own = is_near(endpoint, own_zone, by);
    const bool well = is_well(endpoint);
    (is_own ? own : others) += endpoint.weight;
    ++(is_own ? locality.own : locality.others);
    if (!well) continue;
    (is_own ? own_well : others_well) += endpoint.weight;
    ++(is_own ? locality.own_well : locality.others_well);
  }
  const auto factor = settings.value_or(LocalitySettings()).overprovisioning_factor;
  locality.own_share = others == 0 ? 1
                       : own == 0  ? 0
                                   : balance::own_zone_share(share(own_well, own),
                                                             share(others_well, others), factor);
  return locality;
}

}  // namespace epaulet::server

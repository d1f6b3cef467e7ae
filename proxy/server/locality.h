#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "discovery/nearness.h"
#include "path/snapshot.h"

namespace epaulet::server {

/// How the requests of a backend are divided between the own zone and others now, where zones
/// matter: for /endpoints and metrics.
struct Locality {
  Nearness by = Nearness::none;
  std::size_t own = 0;       ///< Endpoints in our zone.
  std::size_t own_well = 0;  ///< Of them, those that may be asked.
  std::size_t others = 0;
  std::size_t others_well = 0;
  double own_share = 0;  ///< Of the requests that belong to no session.
};

/// Nothing: zones do not matter, since the backend has neither `balance.locality` nor endpoints
/// with topology hints for ours, or nobody knows ours.
[[nodiscard]] std::optional<Locality> locality_of(const path::BackendState& backend,
                                                  const EndpointSet& set, std::string_view own_zone,
                                                  TimePoint now);

}  // namespace epaulet::server

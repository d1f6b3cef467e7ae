#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "discovery/endpoint_set.h"
#include "path/snapshot.h"

namespace epaulet::server {

/// How the requests of a backend with `balance.locality` are divided now: for /endpoints and
/// metrics.
struct Locality {
  std::size_t own = 0;       ///< Endpoints in our zone.
  std::size_t own_well = 0;  ///< Of them, those that may be asked.
  std::size_t others = 0;
  std::size_t others_well = 0;
  double own_share = 0;  ///< Of the requests that belong to no session.
};

/// Nothing: zones do not matter, since the backend has no `balance.locality`, or nobody knows ours.
[[nodiscard]] std::optional<Locality> locality_of(const path::BackendState& backend,
                                                  const EndpointSet& set, std::string_view own_zone,
                                                  TimePoint now);

}  // namespace epaulet::server

#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "config/draft.h"
#include "config/gateway_documents.h"

namespace epaulet::config::gateway {

/// What documents mean for the services that this workload dials.
struct Translation {
  /// Of each service that has a route: in the order in which they are asked, the last one refusing
  /// what none is for.
  std::map<std::string, std::vector<RouteSettings>> routes;
  std::map<std::string, BackendSettings> backends;  ///< That they need and nobody has written.
  std::vector<Notice> refused;                      ///< Any: nothing of this takes effect.
  std::vector<Notice> notices;  ///< What is left out, as the specification says.
};

/// A pure function. `settings` has all services and backends that are written.
[[nodiscard]] Translation translate(std::span<const Route> routes, const Settings& settings);

}  // namespace epaulet::config::gateway

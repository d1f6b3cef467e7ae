#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/config_files.h"
#include "discovery/service_view.h"

namespace epaulet::server {

/// A configuration with routes that the directory tells beside its files. A route that does not go
/// with the rest is left out alone, and said.
struct LoadedWithRoutes {
  LoadResult loaded;
  struct LeftOut {
    std::string name;
    std::string why;
  };
  std::vector<LeftOut> left_out;
};
/// Costs one load; one more for each route if any is to be left out, which the directory, which
/// reads them by the same code, has done already unless it is of another version.
[[nodiscard]] LoadedWithRoutes load_with_routes(const ConfigFiles& files,
                                                std::span<const ServiceView::Route> routes);

}  // namespace epaulet::server

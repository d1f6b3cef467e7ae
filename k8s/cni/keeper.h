#pragma once

#include <functional>

#include "k8s/cni/node_files.h"

namespace epaulet::cni {

/// Lines of JSON, as our other programs write them.
void log_line(std::string_view level, std::string_view event, std::string_view detail,
              std::string_view remedy = "");

/// Puts files and entry onto the node and keeps the entry there, whoever rewrites the list, until
/// SIGTERM or SIGINT; then takes both away if `is_for_good` says so. `try_to_ask` comes once both
/// stand, and again, ever more rarely, until it says that it could, in a thread of its own: neither
/// pods that start nor the entry wait for an API server. Blocks; the exit code.
[[nodiscard]] int keep(const NodePlaces& places, const std::function<bool()>& try_to_ask,
                       const std::function<bool()>& is_for_good);

}  // namespace epaulet::cni

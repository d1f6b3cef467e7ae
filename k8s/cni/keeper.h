#pragma once

#include <functional>

#include "k8s/cni/node_files.h"

namespace epaulet::cni {

/// Lines of JSON, as our other programs write them.
void log_line(std::string_view level, std::string_view event, std::string_view detail,
              std::string_view remedy = "");

/// Puts files and entry onto the node and keeps the entry there, whoever rewrites the list, until
/// SIGTERM or SIGINT; then takes both away if `is_for_good` says so. `begin` comes first, when
/// these signals wait already: as the first process of a container, nobody but us ends us by them.
/// Blocks; the exit code.
[[nodiscard]] int keep(const NodePlaces& places, const std::function<void()>& begin,
                       const std::function<bool()>& is_for_good);

}  // namespace epaulet::cni

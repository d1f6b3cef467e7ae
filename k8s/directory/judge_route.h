#pragma once

#include <string>

#include "k8s/directory/route_objects.h"

namespace epaulet::kube {

/// Why a sidecar would refuse the route: what the loader of configurations, which sidecars read it
/// with, says first. "": it would not. Only what the object itself says counts: whether a Service
/// is there is a question for the model.
[[nodiscard]] std::string judge_route(const RouteFacts& route, RouteKind kind);

}  // namespace epaulet::kube

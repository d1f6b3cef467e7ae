#pragma once

#include <algorithm>
#include <string_view>

#include "discovery/endpoint_set.h"

namespace epaulet {

/// What says which endpoints come first for somebody in a zone.
enum class Nearness : std::uint8_t { none, zones, hints };

/// Topology hints say for which zones each endpoint is. As kube-proxy takes them: they hold where
/// every endpoint has some, and at least one of them is for our zone; else they are being written,
/// or are not for us.
[[nodiscard]] inline bool has_hints(const EndpointSet& set) {
  return !set.endpoints.empty() &&
         std::all_of(set.endpoints.begin(), set.endpoints.end(),
                     [](const Endpoint& each) { return !each.for_zones.empty(); });
}

[[nodiscard]] inline bool is_near(const Endpoint& endpoint, std::string_view own_zone,
                                  Nearness by) {
  if (by != Nearness::hints) return by == Nearness::zones && endpoint.zone == own_zone;
  const auto& zones = endpoint.for_zones;
  return std::find(zones.begin(), zones.end(), own_zone) != zones.end();
}

/// `by_zones`: the backend has `balance.locality`. Hints go first, since whoever wrote them has
/// seen all zones; they need no setting of ours, as the Service asks for them. `own_zone` "":
/// nobody knows it.
[[nodiscard]] inline Nearness nearness_of(const EndpointSet& set, std::string_view own_zone,
                                          bool by_zones) {
  if (own_zone.empty()) return Nearness::none;
  const auto is_for_us = [own_zone](const Endpoint& each) {
    return is_near(each, own_zone, Nearness::hints);
  };
  if (has_hints(set) && std::any_of(set.endpoints.begin(), set.endpoints.end(), is_for_us))
    return Nearness::hints;
  return by_zones ? Nearness::zones : Nearness::none;
}

}  // namespace epaulet

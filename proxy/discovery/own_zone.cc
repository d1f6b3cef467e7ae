#include "discovery/own_zone.h"

#include <utility>

namespace epaulet {

OwnZone::OwnZone(DirectoryFeed& feed, std::string service, IsOurs is_ours, OnZone on_zone)
    : Listener(feed, std::move(service)),
      is_ours_(std::move(is_ours)),
      on_zone_(std::move(on_zone)) {
  if (const auto known = view()) on_view(known);
}

void OwnZone::on_view(const ServiceViewPtr& view) {
  for (const auto& group : view->groups) {
    for (const auto& endpoint : group.endpoints) {
      if (endpoint.zone.empty() || !is_ours_(endpoint.address)) continue;
      if (std::exchange(zone_, endpoint.zone) != endpoint.zone) on_zone_(zone_);
      return;
    }
  }
}

}  // namespace epaulet

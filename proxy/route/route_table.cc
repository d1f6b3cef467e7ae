#include "route/route_table.h"

#include <algorithm>

#include "base/assert.h"
#include "route/cors.h"

namespace epaulet {
namespace {

RouteTarget target_of(const std::string& backend, std::uint32_t weight,
                      const RouteTable::BackendIndex& backends) {
  const auto found = backends.find(backend);
  EPAULET_ASSERT(found != backends.end());  // config/ refuses unknown backends.
  return {backend, found->second, weight};
}

/// Whether a route is for it that takes this share; if not, `drawn` is stretched over the rest, so
/// that the next one takes its share of that.
bool falls_within(double share, double& drawn) {
  if (drawn < share) return true;
  drawn = share < 1.0 ? (drawn - share) / (1.0 - share) : 0.0;
  return false;
}

}  // namespace

const RouteTarget& Route::pick(std::uint64_t random) const {
  std::uint64_t point =
      random % weights_;  // The bias is below 2^-31 for any sum of 32-bit weights in use.
  for (const RouteTarget& target : targets_) {
    if (point < target.weight) return target;
    point -= target.weight;
  }
  return targets_.back();
}

bool Route::is_for(std::uint16_t port) const {
  return ports_.empty() || std::find(ports_.begin(), ports_.end(), port) != ports_.end();
}

RouteTable::BackendIndex RouteTable::index_backends(const Settings& settings) {
  BackendIndex index;
  for (const auto& [name, backend] : settings.backends) {
    index.emplace_hint(index.end(), name, static_cast<std::uint32_t>(index.size()));
  }
  return index;
}

std::vector<RouteTable> RouteTable::all(const Settings& settings) {
  const auto backends = index_backends(settings);
  std::vector<RouteTable> tables;
  tables.reserve(settings.services.size());
  for (const auto& [name, service] : settings.services)
    tables.emplace_back(service, settings, backends);
  return tables;
}

RouteTable::RouteTable(const ServiceSettings& service, const Settings& settings,
                       const BackendIndex& backends)
    : service_(service.name) {
  const auto add = [&](const RouteSettings& from) {
    Route route;
    route.name_ = from.name;
    route.origin_ = from.origin;
    route.match_ = RequestMatch(from);
    route.timeouts_ = effective_timeouts({&from.timeouts, &service.timeouts, &settings.timeouts});
    route.retry_ = effective_retry({&from.retries, &service.retries, &settings.retries});
    route.breaker_ = from.breaker;
    route.redirects_ = from.shaping != nullptr && from.shaping->redirect.has_value();
    if (from.shaping != nullptr) {
      route.refuse_ = from.shaping->refuse;
      route.ports_ = from.shaping->ports;
      route.share_ = from.shaping->share;
      has_shares_ = has_shares_ || route.share_;
      route.has_cors_ = from.shaping->cors.has_value();
      has_cors_ = has_cors_ || route.has_cors_;
    }
    for (const RouteTargetSettings& to : from.to) {
      if (to.weight > 0) route.targets_.push_back(target_of(to.backend, to.weight, backends));
    }
    const bool asks_none = route.redirects_ || refuses_all(from);
    if (from.to.empty() && !service.default_backend.empty() && !asks_none) {
      route.targets_.push_back(target_of(service.default_backend, 1, backends));
    }
    for (const RouteTarget& target : route.targets_) route.weights_ += target.weight;
    routes_.push_back(std::move(route));
  };
  for (const RouteSettings& route : service.routes) add(route);
  if (service.default_backend.empty()) return;
  RouteSettings last;
  last.name = Route::kDefaultName;
  last.origin = service.origin;
  add(last);
}

const Route* RouteTable::match(const http::RequestHead& head, std::uint16_t port,
                               double drawn) const {
  const auto asked = has_cors_ ? preflight_method(head) : std::string_view();
  for (const Route& route : routes_) {
    const bool is_meant = route.match_.matches(head) || (route.has_cors_ && !asked.empty() &&
                                                         route.match_.matches_as(head, asked));
    if (!route.is_for(port) || !is_meant) continue;
    if (route.share_ && !falls_within(*route.share_, drawn)) continue;
    return route.targets_.empty() && !route.redirects_ && !route.refuse_ ? nullptr : &route;
  }
  return nullptr;
}

const Route* RouteTable::opaque(std::string_view server_name, std::uint16_t port) const {
  for (const Route& route : routes_) {
    if (!route.is_for(port) || route.share_) continue;
    if (!route.match_.matches_server_name(server_name)) continue;
    return route.targets_.empty() ? nullptr : &route;
  }
  return nullptr;
}

bool RouteTable::looks_at_server_names() const {
  return std::any_of(routes_.begin(), routes_.end(),
                     [](const Route& route) { return route.match_.is_by_host(); });
}

}  // namespace epaulet

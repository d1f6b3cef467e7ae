#include "discovery/current_set.h"

namespace epaulet {

bool CurrentSet::change(std::vector<Endpoint> endpoints, const std::optional<Error>& last_error,
                        const std::vector<IpAddress>& service_addresses, WallTime now) {
  const bool is_same = endpoints == set_->endpoints && last_error == set_->last_error &&
                       service_addresses == set_->service_addresses;
  if (is_same && !stands_in_) return false;
  auto next = std::make_shared<EndpointSet>(*set_);
  ++next->version;
  next->ever_had_endpoint = ever_had_endpoint() || !endpoints.empty();
  next->endpoints = std::move(endpoints);
  next->service_addresses = service_addresses;
  next->last_error = last_error;
  next->updated_at = now;
  set_ = std::move(next);
  stands_in_ = false;
  return true;
}

}  // namespace epaulet

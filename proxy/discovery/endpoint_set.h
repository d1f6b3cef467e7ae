#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "runtime/clock.h"

namespace epaulet {

/// Whom one endpoint may prove to be, where that is known of it alone: a pod's identity. Shared,
/// because dials outlive the set.
struct EndpointIdentity {
  explicit EndpointIdentity(std::string id)
      : ids{std::move(id)}, key(std::hash<std::string>()(ids.front()) | 1) {}

  std::vector<std::string> ids;  ///< One.
  /// Keeps connections to one identity at an address apart from those to another; not 0.
  std::uint64_t key = 0;
};
using EndpointIdentityPtr = std::shared_ptr<const EndpointIdentity>;

/// One address that serves a backend.
struct Endpoint {
  Endpoint(SocketAddress address_ = {}, std::uint32_t weight_ = 1,  // NOLINT: reads as an address.
           EndpointIdentityPtr identity_ = nullptr, std::string zone_ = {})
      : address(address_),
        weight(weight_),
        identity(std::move(identity_)),
        zone(std::move(zone_)) {}

  SocketAddress address;
  /// Its share of the requests, in proportion to the others'; at least 1.
  std::uint32_t weight = 1;
  /// Null: whoever the backend's `tls.identities` name.
  EndpointIdentityPtr identity;
  std::string zone;  ///< "": nobody has told.
  /// Topology hints: callers in these zones use it rather than others. Empty: it has none.
  std::vector<std::string> for_zones;

  [[nodiscard]] std::uint64_t identity_key() const { return identity ? identity->key : 0; }

  friend bool operator==(const Endpoint& a, const Endpoint& b) {
    return a.address == b.address && a.weight == b.weight && a.identity_key() == b.identity_key() &&
           a.zone == b.zone && a.for_zones == b.for_zones;
  }
  friend bool operator<(const Endpoint& a, const Endpoint& b) {
    return std::make_pair(a.address, a.weight) < std::make_pair(b.address, b.weight);
  }
};

/// What is known of a backend's endpoints at one time. Immutable once published: workers share it.
struct EndpointSet {
  std::string backend;
  /// Grows with each change of this backend's set within one process.
  std::uint64_t version = 0;
  /// Sorted, no address twice, at most limits::kEndpointsPerBackendMax.
  std::vector<Endpoint> endpoints;
  /// Of the Kubernetes Service: who dials one of them means the service. Most often one or two.
  std::vector<IpAddress> service_addresses;
  /// True for ever once an endpoint was seen, also by an earlier process with the same state
  /// directory: from then on the loss of all of them is an explained 503 and no longer "not
  /// deployed".
  bool ever_had_endpoint = false;
  /// Why the last look brought nothing new: dns_failed or dns_name_unknown. Endpoints beside it are
  /// the last good ones.
  std::optional<Error> last_error;
  WallTime updated_at{};
};
using EndpointSetPtr = std::shared_ptr<const EndpointSet>;

/// What a source begins with: what is remembered, else nothing yet.
[[nodiscard]] inline EndpointSetPtr first_set(EndpointSetPtr remembered, const std::string& backend,
                                              WallTime now) {
  if (remembered != nullptr) return remembered;
  auto nothing_yet = std::make_shared<EndpointSet>();
  nothing_yet->backend = backend;
  nothing_yet->updated_at = now;
  return nothing_yet;
}

}  // namespace epaulet

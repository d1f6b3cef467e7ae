#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "runtime/clock.h"

namespace epaulet {

/// One address that serves a backend.
struct Endpoint {
  SocketAddress address;
  /// Its share of the requests, in proportion to the others'; at least 1.
  std::uint32_t weight = 1;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// What is known of a backend's endpoints at one time. Immutable once published: workers share it.
struct EndpointSet {
  std::string backend;
  /// Grows with each change of this backend's set within one process.
  std::uint64_t version = 0;
  /// Sorted, no address twice, at most limits::kEndpointsPerBackendMax.
  std::vector<Endpoint> endpoints;
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

}  // namespace epaulet

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "balance/picker.h"
#include "config/settings.h"
#include "http/http2/session.h"
#include "policy/authenticate.h"
#include "policy/authorize.h"
#include "policy/caller_keys.h"
#include "policy/ingress.h"
#include "policy/roles.h"
#include "resilience/adaptive_concurrency.h"
#include "resilience/background_room.h"
#include "resilience/breaker.h"
#include "resilience/connection_limit.h"
#include "resilience/health_board.h"
#include "resilience/hedge_delay.h"
#include "resilience/last_good.h"
#include "resilience/outliers.h"
#include "resilience/rate_limit.h"
#include "resilience/retry.h"
#include "resilience/retry_budget.h"
#include "resilience/single_flight.h"
#include "resilience/state_table.h"
#include "route/destinations.h"
#include "route/route_table.h"
#include "route/shaping.h"
#include "telemetry/strings.h"

namespace epaulet::path {

/// A breaker and how it is called: a backend's, or a route's own for a backend.
struct BreakerState {
  std::shared_ptr<resilience::Breaker> breaker;
  telemetry::StringId service = 0;  ///< 0: the backend's.
  telemetry::StringId route = 0;
  telemetry::StringId backend = 0;
  telemetry::StringId source = 0;  ///< "file:line:column" of the key.
};

/// A rate limit and how it is called. `limit` may be none.
struct RateLimitState {
  std::shared_ptr<resilience::RateLimit> limit;
  const RateKeySettings* by = nullptr;  ///< Of the snapshot's settings; none: one bucket for all.
  telemetry::StringId service = 0;      ///< 0: inbound.
  telemetry::StringId name = 0;         ///< Of the route, or of the limit; 0: the service's.
  telemetry::StringId note = 0;         ///< Which it is, in words.
};

/// `background` of a route. `room` may be none.
struct BackgroundState {
  std::shared_ptr<resilience::BackgroundRoom> room;
  const BackgroundSettings* settings = nullptr;  ///< Of the snapshot's settings.
};

/// `fallback` of a route.
struct FallbackState {
  const FallbackSettings* settings = nullptr;  ///< Of the snapshot's settings; none: no fallback.
  resilience::FailureRules failures = resilience::FailureRules::of_breaker({});
  std::shared_ptr<resilience::LastGood> last_good;  ///< May be none.
  std::uint32_t backend = Destination::kNone;
};

/// `request_mirror` of a route. `room` may be none.
struct MirrorState {
  struct Target {
    std::uint32_t backend = Destination::kNone;
    double share = 1.0;
  };
  std::shared_ptr<resilience::BackgroundRoom> room;
  std::vector<Target> targets;
};

/// `single_flight` of a route.
struct SingleFlightState {
  const SingleFlightSettings* settings = nullptr;       ///< Of the snapshot's; none: off.
  std::shared_ptr<resilience::BackgroundRoom> waiting;  ///< Requests that wait.
  std::shared_ptr<resilience::BackgroundRoom> kept;     ///< Bytes of answers for them.
  std::shared_ptr<resilience::ChangeCount> changes;     ///< Of the service.
};

/// What a route does to its requests and responses, and where it says so.
struct ShapingState {
  Shaping rules;
  MirrorState mirror;
  SingleFlightState single_flight;
  telemetry::StringId source = 0;  ///< "file:line:column" of the route.
};

/// One of `rate_limits`.
struct InboundLimit {
  RequestMatch match;
  std::vector<std::uint16_t> ports;
  RateLimitState state;
};

/// `concurrency`. `limit` may be none.
struct ConcurrencyState {
  std::shared_ptr<resilience::AdaptiveConcurrency> limit;
  telemetry::StringId source = 0;  ///< "file:line:column" of the key.
  struct Class {
    RequestMatch match;
    std::vector<std::uint16_t> ports;
    Criticality is = Criticality::normal;
  };
  std::vector<Class> classes;
};

/// What the data path needs of one backend, beside its endpoints.
struct BackendState {
  const BackendSettings* settings = nullptr;
  telemetry::StringId name = 0;
  std::uint64_t shape =
      0;  ///< Changes when pooled connections no longer fit: mode, identities, tunnel.
  std::shared_ptr<resilience::ConnectionLimit> limit;
  std::shared_ptr<resilience::Outliers> outliers;
  std::shared_ptr<resilience::HealthBoard> checks;  ///< Of `health_check`; may be none.
  BreakerState breaker;                             ///< May be none.
  telemetry::StringId balancer = 0;
  telemetry::StringId balancer_without_key = 0;  ///< Of requests that belong to no session.

  [[nodiscard]] telemetry::StringId balancer_for(const balance::SessionKey& key) const {
    return key ? balancer : balancer_without_key;
  }
};

/// Where the backend of this name is, or Destination::kNone. `backends`: by name, as
/// Snapshot::backends are; there may be ten thousand, and workers ask for each in one turn.
[[nodiscard]] std::uint32_t index_of(std::span<const BackendState> backends, std::string_view name);

/// One route with the state that outlives snapshots.
struct RouteState {
  telemetry::StringId name = 0;
  resilience::RetryRules retry;
  std::shared_ptr<resilience::RetryBudget> budget;
  std::shared_ptr<resilience::HedgeDelay> hedge;  ///< May be none.
  struct OwnBreaker {
    std::uint32_t backend = 0;
    BreakerState state;
  };
  RateLimitState rate_limit;     ///< Its own, or its service's.
  std::string_view criticality;  ///< As the next sidecar is told; "": it is not.
  BackgroundState background;
  FallbackState fallback;
  std::vector<OwnBreaker> breakers;             ///< One for each target; none: the backends' own.
  std::unique_ptr<const ShapingState> shaping;  ///< Mostly none.
};

struct ServiceState {
  const ServiceSettings* settings = nullptr;
  telemetry::StringId name = 0;
  RouteTable table;
  std::vector<RouteState> routes;  ///< Beside table.routes().
  bool has_l7_routes = false;      ///< Some route takes a request to match.
  bool asked_in_http2 = false;     ///< Every backend of it is.
  /// Some route of it has `single_flight`.
  std::shared_ptr<resilience::ChangeCount> changes{};
  SentCredentialsPtr credentials{};  ///< What its requests are sent with; nothing: as they come.

  [[nodiscard]] const RouteState& state_of(const Route& route) const {
    return routes[static_cast<std::size_t>(&route - table.routes().data())];
  }
};

/// One validated configuration, compiled. Immutable; shared by all workers. HTTP pins it per
/// request, TCP per connection.
struct Snapshot {
  std::uint64_t version = 0;
  Settings settings;
  std::vector<BackendState> backends;  ///< In the order of settings.backends.
  std::vector<ServiceState> services;  ///< In the order of settings.services.
  Destinations destinations;
  std::shared_ptr<const RoleTable> roles;
  Authenticator authenticator;
  AccessPolicy access;
  Ingress ingress;
  EffectiveTimeouts inbound_timeouts;
  telemetry::StringId own_service = 0;
  std::vector<InboundLimit> inbound_limits;
  ConcurrencyState concurrency;
  bool limits_look_at_paths = false;

  struct RuleIds {
    telemetry::StringId name = 0;
    telemetry::StringId origin = 0;
    telemetry::StringId allows = 0;  ///< Names of the roles.
  };
  std::vector<RuleIds> rules;  ///< Beside access.rules().
  [[nodiscard]] RuleIds ids_of(const AccessRule* rule) const {
    if (rule == nullptr) return {};
    return rules[static_cast<std::size_t>(rule - access.rules().data())];
  }

  /// What watches over requests of this route to this backend, if anything does. `route` may be
  /// none.
  [[nodiscard]] const BreakerState* breaker_of(const RouteState* route,
                                               std::uint32_t backend) const;

  /// Those of backends, then those of routes.
  template <class Visit>
  void for_each_breaker(const Visit& visit) const {
    for (const auto& backend : backends) {
      if (backend.breaker.breaker) visit(backend.breaker);
    }
    for (const auto& service : services) {
      for (const auto& route : service.routes) {
        for (const auto& own : route.breakers) visit(own.state);
      }
    }
  }

  /// Inbound ones, then those of services and routes; a service's once.
  template <class Visit>
  void for_each_rate_limit(const Visit& visit) const {
    for (const auto& one : inbound_limits) visit(one.state);
    for (const auto& service : services) {
      const resilience::RateLimit* of_service = nullptr;
      for (const auto& route : service.routes) {
        const auto& state = route.rate_limit;
        if (state.limit == nullptr) continue;
        if (state.name == 0 && std::exchange(of_service, state.limit.get()) != nullptr) continue;
        visit(state);
      }
    }
  }

  std::map<std::string, telemetry::StringId, std::less<>> key_owners;  ///< Of `api_keys`.
  [[nodiscard]] telemetry::StringId id_of_key_owner(std::string_view owner) const {
    const auto found = key_owners.find(owner);
    return found == key_owners.end() ? 0 : found->second;
  }

  /// Of messages, whichever side they come from.
  [[nodiscard]] http::http1::HeadLimits head_limits() const {
    http::http1::HeadLimits limits;
    limits.bytes = settings.head_bytes;
    return limits;
  }
  /// Of an HTTP/2 connection, whichever side it is.
  [[nodiscard]] http::http2::SessionLimits session_limits() const {
    http::http2::SessionLimits limits;
    limits.head = head_limits();
    limits.stall_max = inbound_timeouts.idle;
    return limits;
  }

  /// Compiles `settings`, which are valid. `keys`: what they name, read. State whose shape is
  /// unchanged is taken over from earlier snapshots.
  [[nodiscard]] static std::shared_ptr<const Snapshot> build(
      Settings settings, std::uint64_t version, CallerKeys keys,
      const std::map<IpAddress, std::string>& virtual_addresses, resilience::StateTable& states);

 private:
  Snapshot(Settings taken, std::uint64_t number, CallerKeys keys,
           const std::map<IpAddress, std::string>& virtual_addresses,
           resilience::StateTable& states);
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace epaulet::path

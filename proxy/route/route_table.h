#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "config/shaping_settings.h"
#include "http/message.h"
#include "route/effective.h"
#include "route/request_match.h"

namespace epaulet {

/// One share of a route's traffic.
struct RouteTarget {
  std::string backend;
  std::uint32_t backend_index = 0;  ///< Position of the backend in Settings::backends.
  std::uint32_t weight = 0;
};

/// One route of a service with all that holds for its requests. Immutable.
class Route {
 public:
  /// The implicit last route.
  static constexpr std::string_view kDefaultName = "default";

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Where it was written; of the service for the implicit route.
  [[nodiscard]] const Origin& origin() const { return origin_; }
  [[nodiscard]] const EffectiveTimeouts& timeouts() const { return timeouts_; }
  [[nodiscard]] const EffectiveRetry& retry() const { return retry_; }
  /// Its own, if it has one.
  [[nodiscard]] const std::optional<BreakerSettings>& breaker() const { return breaker_; }
  /// At least one, each with a weight above zero; none if the route redirects or refuses all.
  [[nodiscard]] std::span<const RouteTarget> targets() const { return targets_; }
  [[nodiscard]] const RequestMatch& match() const { return match_; }
  [[nodiscard]] bool redirects() const { return redirects_; }
  [[nodiscard]] const std::optional<RefuseSettings>& refuse() const { return refuse_; }
  /// `port`: of the service, as dialled; 0: an endpoint was dialled, of which no port is known.
  [[nodiscard]] bool is_for(std::uint16_t port) const;

  /// The target that `random` (uniform over all 64-bit numbers) falls on, by weight.
  [[nodiscard]] const RouteTarget& pick(std::uint64_t random) const;

 private:
  friend class RouteTable;
  Route() = default;

  std::string name_;
  Origin origin_;
  RequestMatch match_;
  EffectiveTimeouts timeouts_;
  EffectiveRetry retry_;
  std::optional<BreakerSettings> breaker_;
  std::vector<RouteTarget> targets_;
  std::uint64_t weights_ = 0;
  bool redirects_ = false;  ///< Nobody is asked.
  std::optional<RefuseSettings> refuse_;
  std::vector<std::uint16_t> ports_;  ///< Empty: any.
  std::optional<double> share_;
  bool has_cors_ = false;
};

/// The routes of one service in their order, the implicit route `default` last. Immutable; matching
/// allocates nothing. A route whose weights are all zero takes no traffic: its requests are
/// answered no_route, unless it redirects them.
class RouteTable {
 public:
  /// Position of each backend in Settings::backends, by name. Borrows the names.
  using BackendIndex = std::map<std::string_view, std::uint32_t>;

  /// One table for each service, in the order of Settings::services. `settings` is valid: every
  /// target names a backend. Nothing of it is kept.
  [[nodiscard]] static std::vector<RouteTable> all(const Settings& settings);
  RouteTable(const ServiceSettings& service, const Settings& settings,
             const BackendIndex& backends);
  [[nodiscard]] static BackendIndex index_backends(const Settings& settings);

  /// The first route that matches. Nothing if none does, which needs a service without default
  /// backend, or if the one that does sends nowhere: ErrorCode::no_route.
  /// `drawn`: uniform in [0, 1), for routes that are for a share. A preflight is also for a route
  /// with `cors` that is for the method it asks for: nobody writes OPTIONS beside each of them.
  [[nodiscard]] const Route* match(const http::RequestHead& head, std::uint16_t port = 0,
                                   double drawn = 0) const;
  /// Whether what was drawn can make a difference to match().
  [[nodiscard]] bool has_shares() const { return has_shares_; }
  /// What a connection takes that is not HTTP: the first route without conditions, or, if TLS of
  /// the app names a server, with no others than hosts that it matches. Nothing if there is none:
  /// such a service is not dialled before more is known.
  [[nodiscard]] const Route* opaque(std::string_view server_name = {},
                                    std::uint16_t port = 0) const;
  /// Whether a server's name can make a difference to opaque().
  [[nodiscard]] bool looks_at_server_names() const;

  [[nodiscard]] const std::string& service() const { return service_; }
  [[nodiscard]] std::span<const Route> routes() const { return routes_; }

 private:
  std::string service_;
  std::vector<Route> routes_;
  bool has_shares_ = false;
  bool has_cors_ = false;
};

}  // namespace epaulet

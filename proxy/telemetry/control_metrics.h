#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/clock.h"

namespace epaulet::telemetry {

/// What the control thread knows beside the shards: filled by server/ at each scrape, on the
/// control thread.
struct ControlMetrics {
  bool ready = false;
  WallTime started{};
  std::uint32_t workers = 0;

  // Configuration.
  std::uint64_t config_version = 0;  ///< Of the snapshot in force.
  std::uint64_t config_loaded = 0;   ///< The first load included.
  std::uint64_t config_rejected = 0;
  std::uint64_t config_deferred = 0;  ///< Looks that met a file while it was written.
  std::optional<WallTime> config_last_loaded;
  std::optional<WallTime> config_last_rejected;

  // Identity. Names no principal: metrics are read by anybody.
  bool identity_configured = false;
  bool identity_usable = false;
  std::optional<WallTime> identity_not_after;  ///< Of the leaf in force.
  std::uint64_t identity_loaded = 0;
  std::uint64_t identity_rejected = 0;
  struct Renewals {
    std::string_view result;  ///< snake_case.
    std::uint64_t count = 0;
  };
  std::vector<Renewals> renewals;  ///< By the identity service; empty if there is none.
  bool renewal_failing = false;    ///< The last attempt failed.

  struct Fetches {
    std::string_view result;  ///< snake_case.
    std::uint64_t count = 0;
  };
  struct Issuer {
    std::string name;
    std::size_t keys = 0;
    std::optional<WallTime> fetched;
    bool is_failing = false;
    std::vector<Fetches> fetches;
  };
  std::vector<Issuer> issuers;  ///< Those whose keys are fetched.

  /// Of `tracing.otlp`.
  struct Spans {
    std::uint64_t exported = 0;
    std::size_t waiting = 0;
    bool is_failing = false;
    std::vector<Fetches> dropped;  ///< By why.
    std::vector<Fetches> requests;
  };
  std::optional<Spans> spans;  ///< Nothing: there is no collector, nor was one.

  /// Times that a file of `state.dir` could not be read or written.
  std::uint64_t state_failures = 0;
  std::uint64_t clock_jumps = 0;    ///< Of the wall clock.
  std::optional<bool> rules_stand;  ///< Of the redirect; nothing: there are none to be seen.

  struct Directory {
    bool connected = false;   ///< It answers now.
    bool is_failing = false;  ///< The last attempt failed.
    std::uint64_t streams = 0;
    std::uint64_t views = 0;
    std::uint64_t failures = 0;
    std::optional<WallTime> heard;
  };
  std::optional<Directory> directory;  ///< If there is one.

  // Discovery: names of backends asked upstream.
  std::uint64_t looks_answered = 0;
  std::uint64_t looks_unknown = 0;
  std::uint64_t looks_failed = 0;
  std::uint64_t endpoint_addresses_refused = 0;

  struct DnsQueries {
    std::string_view result;  ///< snake_case.
    std::uint64_t count = 0;
  };
  std::vector<DnsQueries> dns_queries;

  struct Pages {
    std::string_view name;
    std::uint64_t refused = 0;
  };
  std::vector<Pages> pages;  ///< Of the admin, metrics and health ports.

  struct Endpoints {
    std::string backend;
    std::size_t count = 0;
  };
  std::vector<Endpoints> endpoints;

  /// Of backends with `balance.locality`, where our zone is known.
  struct Locality {
    std::string backend;
    double own_share = 0;  ///< Of the requests that belong to no session.
  };
  std::vector<Locality> localities;

  struct Reason {
    std::string_view name;  ///< snake_case.
    std::uint64_t count = 0;
  };
  struct Breaker {
    std::string_view service;  ///< Of a route's own, with its name.
    std::string_view route;
    std::string_view backend;
    std::string_view state;
    std::uint64_t refused = 0;
    std::vector<Reason> transitions;
  };
  std::vector<Breaker> breakers;

  struct RateLimit {
    std::string_view service;  ///< "": inbound.
    std::string_view name;     ///< Of the route or the limit; "": the service's.
    std::uint64_t allowed = 0;
    std::uint64_t refused = 0;
    std::uint64_t evicted = 0;
  };
  std::vector<RateLimit> rate_limits;

  struct Concurrency {
    std::uint32_t limit = 0;
    std::uint32_t in_flight = 0;
    bool measuring = false;
    double at_rest_seconds = 0;
    struct Kind {
      std::string_view name;
      std::uint64_t admitted = 0;
      std::uint64_t refused = 0;
    };
    std::vector<Kind> kinds;
  };
  std::optional<Concurrency> concurrency;

  /// `last_good` of a route's fallback.
  struct LastGood {
    std::string_view service;
    std::string_view route;
    std::uint64_t bytes = 0;  ///< Now, of copies that are being made too.
    std::uint64_t refused = 0;
  };
  std::vector<LastGood> last_good;

  struct Outliers {
    std::string_view backend;
    std::size_t ejected = 0;  ///< Now.
    std::uint64_t withheld = 0;
    std::vector<Reason> ejections;
    std::size_t spared = 0;  ///< Now.
    std::uint64_t pauses = 0;
  };
  std::vector<Outliers> outliers;

  /// `health_check` of a backend.
  struct HealthChecks {
    std::string_view backend;
    std::size_t healthy = 0;  ///< Endpoints, now.
    std::size_t unhealthy = 0;
    std::size_t unchecked = 0;
    bool panics = false;
    std::uint64_t passed = 0;
    std::uint64_t failed = 0;
    std::uint64_t became_healthy = 0;
    std::uint64_t became_unhealthy = 0;
  };
  std::vector<HealthChecks> health_checks;
};

}  // namespace epaulet::telemetry

#include "path/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "config/health_check_settings.h"

namespace epaulet::path {
namespace {

std::string shape_of(const FailureSettings& failures) {
  std::string shape = fmt::format("{} /", fmt::join(failures.statuses, " "));
  for (const auto status : failures.grpc_statuses)
    shape += fmt::format(" {}", static_cast<int>(status));
  return shape;
}

/// As the key is written, for explain.
std::string_view name_of(BalancePolicy policy) {
  switch (policy) {
    case BalancePolicy::p2c_ewma:
      return "p2c_ewma";
    case BalancePolicy::least_request:
      return "least_request";
    case BalancePolicy::round_robin:
      return "round_robin";
    case BalancePolicy::random:
      return "random";
    case BalancePolicy::sticky:
      return "sticky";
    case BalancePolicy::ring_hash:
      return "ring_hash";
    case BalancePolicy::maglev:
      return "maglev";
  }
  return "p2c_ewma";
}

BreakerState breaker_state(const BreakerSettings& settings, std::string_view service,
                           std::string_view route, std::string_view backend,
                           resilience::StateTable& states) {
  const auto shape =
      fmt::format("{} {} {} {} {} {} {} {} {} {}", settings.error_ratio.value_or(-1),
                  settings.min_requests, settings.window.count(), settings.consecutive.value_or(0),
                  settings.slow ? settings.slow->over.count() : 0,
                  settings.slow ? settings.slow->ratio : 0, settings.open_for.count(),
                  settings.max_open_for.count(), settings.probes, shape_of(settings.failures));
  BreakerState state;
  state.breaker = states.get<resilience::Breaker>(
      fmt::format("{} {} {}", service, route, backend), shape,
      [&] { return std::make_shared<resilience::Breaker>(resilience::Breaker::Rules(settings)); });
  state.service = telemetry::intern(service);
  state.route = telemetry::intern(route);
  state.backend = telemetry::intern(backend);
  state.source = telemetry::intern(settings.origin.to_string());
  return state;
}

std::shared_ptr<resilience::Outliers> outliers_of(const BackendSettings& backend,
                                                  resilience::StateTable& states) {
  const auto& settings = backend.outliers;
  const auto shape = fmt::format(
      "{} {} {} {} {} {} {} {} {} {}", settings.enabled, settings.consecutive,
      settings.connect_failures, settings.error_ratio.value_or(-1), settings.min_requests,
      settings.window.count(), settings.eject_for.count(), settings.max_eject_for.count(),
      settings.max_ejected, shape_of(settings.failures));
  return states.get<resilience::Outliers>(backend.name, shape, [&] {
    return std::make_shared<resilience::Outliers>(resilience::Outliers::Rules(settings));
  });
}

/// Other times to check leave what is known; other questions or rules make it worthless.
std::shared_ptr<resilience::HealthBoard> checks_of(const BackendSettings& backend,
                                                   resilience::StateTable& states) {
  if (backend.health_check == nullptr) return nullptr;
  const auto& check = *backend.health_check;
  const auto question = check.http
                            ? fmt::format("http {} {} {}", check.http->path, check.http->host,
                                          fmt::join(check.http->statuses, ","))
                        : check.grpc ? "grpc " + check.grpc->service
                                     : std::string("tcp");
  const auto shape =
      fmt::format("{} {} {} {} {}", check.healthy_after, check.unhealthy_after,
                  static_cast<int>(check.initially), check.panic_threshold, question);
  return states.get<resilience::HealthBoard>(backend.name, shape, [&] {
    return std::make_shared<resilience::HealthBoard>(resilience::HealthBoard::Rules(check));
  });
}

BackendState backend_state(const BackendSettings& backend, const LimitSettings& defaults,
                           resilience::StateTable& states) {
  constexpr std::uint32_t kConnections = 1024;
  constexpr std::uint32_t kPending = 1024;
  BackendState state;
  state.settings = &backend;
  state.name = telemetry::intern(backend.name);
  state.shape = std::hash<std::string>()(
      fmt::format("{} {} {} {}", static_cast<int>(backend.tls.mode), backend.endpoints.tunnel,
                  backend.tls.multiplex, fmt::join(backend.tls.identities, " ")));
  const auto connections =
      backend.limits.connections.value_or(defaults.connections.value_or(kConnections));
  const auto pending = backend.limits.pending.value_or(defaults.pending.value_or(kPending));
  // Not another limit for other numbers: connections outlive a reload, and count.
  state.limit = states.get<resilience::ConnectionLimit>(backend.name, "", [&] {
    return std::make_shared<resilience::ConnectionLimit>(connections, pending);
  });
  state.limit->change(connections, pending);
  state.outliers = outliers_of(backend, states);
  state.checks = checks_of(backend, states);
  state.outliers->heed(state.checks);
  const auto policy = backend.balance.policy;
  state.balancer = telemetry::intern(name_of(policy));
  state.balancer_without_key =
      telemetry::intern(name_of(keeps_sessions(policy) ? BalancePolicy::round_robin : policy));
  if (backend.breaker)
    state.breaker = breaker_state(*backend.breaker, "", "", backend.name, states);
  return state;
}

RateLimitState rate_limit_state(const RateLimitSettings& settings, std::string_view service,
                                std::string_view name, resilience::StateTable& states) {
  const resilience::RateLimit::Rules rules(settings);
  // What makes a key is part of the shape: buckets of others mean nothing.
  const auto by = !settings.by                   ? std::string()
                  : !settings.by->header.empty() ? "header " + settings.by->header
                  : settings.by->principal       ? "principal"
                                                 : "address";
  const auto shape =
      fmt::format("{} {} {} {} {}", rules.requests, rules.per.count(), rules.burst, rules.keys, by);
  RateLimitState state;
  state.limit = states.get<resilience::RateLimit>(fmt::format("{} {}", service, name), shape, [&] {
    return std::make_shared<resilience::RateLimit>(rules);
  });
  state.by = settings.by ? &*settings.by : nullptr;
  state.service = telemetry::intern(service);
  state.name = telemetry::intern(name);
  const auto subject = service.empty() ? fmt::format("limit {}", name)
                       : name.empty()  ? fmt::format("that of {}", service)
                                       : fmt::format("that of route {} of {}", name, service);
  state.note = telemetry::intern(fmt::format("{} ({})", subject, settings.origin.to_string()));
  return state;
}

ConcurrencyState concurrency_state(const ConcurrencySettings& settings,
                                   resilience::StateTable& states) {
  ConcurrencyState state;
  resilience::GradientLimit::Rules rules;
  rules.min = settings.min;
  rules.max = settings.max;
  rules.tolerance = settings.tolerance;
  rules.remeasure = settings.remeasure;
  // Not another limit for other rules: what the app is asked now goes on, and counts.
  state.limit = states.get<resilience::AdaptiveConcurrency>(
      "", "", [&] { return std::make_shared<resilience::AdaptiveConcurrency>(rules); });
  state.limit->change(rules);
  state.source = telemetry::intern(settings.origin.to_string());
  for (const auto& one : settings.criticality)
    state.classes.push_back({RequestMatch(one), one.ports, one.is});
  return state;
}

FallbackState fallback_state(const FallbackSettings& settings, const std::string& name,
                             const std::vector<BackendState>& backends,
                             resilience::StateTable& states) {
  FallbackState state;
  state.settings = &settings;
  state.failures = resilience::FailureRules::of_breaker(settings.failures);
  if (settings.last_good) {
    const auto& kept = *settings.last_good;
    const auto shape = fmt::format("{} {}", kept.bytes, kept.keep.value_or(Duration(0)).count());
    state.last_good = states.get<resilience::LastGood>(
        name, shape, [&] { return std::make_shared<resilience::LastGood>(kept.bytes); });
  }
  state.backend = index_of(backends, settings.backend);
  return state;
}

using resilience::BackgroundRoom;

/// `name` and the numbers are its own: several rooms of a route have nothing to do with each other.
std::shared_ptr<BackgroundRoom> room_of(resilience::StateTable& states, const std::string& name,
                                        std::uint32_t requests, std::uint64_t bytes) {
  return states.get<BackgroundRoom>(name, fmt::format("{} {}", requests, bytes), [&] {
    return std::make_shared<BackgroundRoom>(requests, bytes);
  });
}

SingleFlightState single_flight_state(const SingleFlightSettings& settings,
                                      const std::string& service, const std::string& route,
                                      resilience::StateTable& states) {
  const auto name = fmt::format("{} {} single_flight", service, route);
  return {
      &settings,
      room_of(states, name + " waiting", settings.waiting,
              std::numeric_limits<std::uint64_t>::max()),
      room_of(states, name + " kept", std::numeric_limits<std::uint32_t>::max(), settings.bytes),
      states.get<resilience::ChangeCount>(
          service, "", [] { return std::make_shared<resilience::ChangeCount>(0); })};
}

std::unique_ptr<const ShapingState> shaping_state(const RouteSettings& route,
                                                  const std::string& service,
                                                  const std::vector<BackendState>& backends,
                                                  resilience::StateTable& states) {
  if (route.shaping == nullptr) return nullptr;
  ShapingState state{
      Shaping(*route.shaping, route.paths), {}, {}, telemetry::intern(route.origin.to_string())};
  if (route.shaping->mirror) {
    const auto& mirror = *route.shaping->mirror;
    state.mirror.room = room_of(states, fmt::format("{} {} mirror", service, route.name),
                                mirror.at_once, mirror.bytes);
    state.mirror.targets.push_back({index_of(backends, mirror.backend), mirror.share});
    for (const auto& also : mirror.also)
      state.mirror.targets.push_back({index_of(backends, also.backend), also.share});
  }
  if (route.shaping->single_flight) {
    state.single_flight =
        single_flight_state(*route.shaping->single_flight, service, route.name, states);
  }
  return std::make_unique<const ShapingState>(std::move(state));
}

ServiceState service_state(const ServiceSettings& service, RouteTable table,
                           const std::vector<BackendState>& backends,
                           resilience::StateTable& states) {
  ServiceState state{&service, telemetry::intern(service.name), std::move(table), {}, false, true};
  for (const Route& route : state.table.routes()) {
    const auto& retry = route.retry();
    RouteState of_route;
    of_route.name = telemetry::intern(route.name());
    of_route.retry = {retry.max,           retry.backoff,        retry.statuses,
                      retry.grpc_statuses, retry.non_idempotent, retry.errors};
    // One budget for all routes of a service that agree on its shape: a storm on one is a storm on
    // the service.
    const auto shape = fmt::format("{}/{}", retry.budget, retry.budget_floor);
    of_route.budget = states.get<resilience::RetryBudget>(service.name + " " + shape, shape, [&] {
      return std::make_shared<resilience::RetryBudget>(retry.budget, retry.budget_floor);
    });
    if (retry.hedge) {
      const auto& hedge = *retry.hedge;
      of_route.hedge = states.get<resilience::HedgeDelay>(
          service.name + " " + route.name(),
          fmt::format("{} {} {}", hedge.quantile, hedge.min.count(), hedge.max.count()),
          [&] { return std::make_shared<resilience::HedgeDelay>(hedge); });
    }
    for (const auto& target : route.targets()) {
      if (!route.breaker()) break;
      of_route.breakers.push_back(
          {target.backend_index,
           breaker_state(*route.breaker(), service.name, route.name(), target.backend, states)});
    }
    const auto index = state.routes.size();  // The implicit route is the last, and not written.
    const bool has_own = index < service.routes.size() && service.routes[index].rate_limit;
    if (has_own) {
      of_route.rate_limit =
          rate_limit_state(*service.routes[index].rate_limit, service.name, route.name(), states);
    } else if (service.rate_limit) {
      of_route.rate_limit = rate_limit_state(*service.rate_limit, service.name, "", states);
    }
    if (index < service.routes.size() && service.routes[index].criticality)
      of_route.criticality = resilience::name_of(*service.routes[index].criticality);
    if (index < service.routes.size() && service.routes[index].background) {
      const auto& settings = *service.routes[index].background;
      of_route.background.settings = &settings;
      of_route.background.room =
          room_of(states, service.name + " " + route.name(), settings.queue, settings.bytes);
    }
    if (index < service.routes.size() && service.routes[index].fallback) {
      of_route.fallback = fallback_state(*service.routes[index].fallback,
                                         service.name + " " + route.name(), backends, states);
    }
    if (index < service.routes.size()) {
      of_route.shaping = shaping_state(service.routes[index], service.name, backends, states);
      const auto* shaping = of_route.shaping.get();
      if (shaping != nullptr && shaping->single_flight.changes != nullptr)
        state.changes = shaping->single_flight.changes;
    }
    state.routes.push_back(std::move(of_route));
    for (const auto& target : route.targets()) {
      const bool http2 = backends[target.backend_index].settings->http == HttpVersion::http2;
      state.asked_in_http2 = state.asked_in_http2 && http2;
    }
    state.has_l7_routes = state.has_l7_routes || !route.match().is_unconditional();
  }
  return state;
}

}  // namespace

std::uint32_t index_of(std::span<const BackendState> backends, std::string_view name) {
  const auto is_before = [](const BackendState& state, std::string_view wanted) {
    return state.settings->name < wanted;
  };
  const auto found = std::lower_bound(backends.begin(), backends.end(), name, is_before);
  if (found == backends.end() || found->settings->name != name) return Destination::kNone;
  return static_cast<std::uint32_t>(found - backends.begin());
}

Snapshot::Snapshot(Settings taken, std::uint64_t number, CallerKeys keys,
                   const std::map<IpAddress, std::string>& virtual_addresses,
                   resilience::StateTable& states)
    : version(number),
      settings(std::move(taken)),
      destinations(settings, virtual_addresses),
      roles(std::make_shared<const RoleTable>(settings.roles, permissions_of(settings.access))),
      authenticator(settings.issuers, std::move(keys.issuers), roles,
                    ApiKeys(settings.api_keys, keys.api_keys), keys.demands),
      access(settings.access, *roles),
      ingress(settings.ingress),
      inbound_timeouts(effective_timeouts({&settings.timeouts})),
      own_service(telemetry::intern(settings.workload.service)) {
  for (const auto& [name, backend] : settings.backends) {
    backends.push_back(backend_state(backend, settings.limits, states));
  }
  auto tables = RouteTable::all(settings);
  for (auto table = tables.begin(); const auto& [name, service] : settings.services) {
    services.push_back(service_state(service, std::move(*table++), backends, states));
    const auto sent = keys.sent.find(name);
    if (sent != keys.sent.end()) services.back().credentials = sent->second;
  }
  for (auto& one : settings.rate_limits) {
    one.limit.origin = one.origin;
    inbound_limits.push_back(
        {RequestMatch(one), one.ports, rate_limit_state(one.limit, "", one.name, states)});
    limits_look_at_paths = limits_look_at_paths || !one.paths.empty();
  }
  if (settings.concurrency) {
    concurrency = concurrency_state(*settings.concurrency, states);
    for (const auto& one : settings.concurrency->criticality)
      limits_look_at_paths = limits_look_at_paths || !one.paths.empty();
  }
  for (const auto& [name, owner] : settings.api_keys.owners)
    key_owners.emplace(name, telemetry::intern(name));
  for (const auto& rule : access.rules()) {
    std::vector<std::string_view> allows;
    rule.allow.for_each([&](std::size_t role) { allows.push_back(roles->name_of(role)); });
    rule.permissions.for_each([&](std::size_t role) { allows.push_back(roles->name_of(role)); });
    rules.push_back({telemetry::intern(rule.name), telemetry::intern(rule.origin.to_string()),
                     telemetry::intern(fmt::format("{}", fmt::join(allows, ", ")))});
  }
}

const BreakerState* Snapshot::breaker_of(const RouteState* route, std::uint32_t backend) const {
  if (route != nullptr) {
    for (const auto& own : route->breakers) {
      if (own.backend == backend) return &own.state;
    }
  }
  const auto& state = backends[backend].breaker;
  return state.breaker == nullptr ? nullptr : &state;
}

SnapshotPtr Snapshot::build(Settings settings, std::uint64_t version, CallerKeys keys,
                            const std::map<IpAddress, std::string>& virtual_addresses,
                            resilience::StateTable& states) {
  return SnapshotPtr(
      new Snapshot(std::move(settings), version, std::move(keys), virtual_addresses, states));
}

}  // namespace epaulet::path

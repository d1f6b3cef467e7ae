#include <algorithm>

#include "path/exchange.h"
#include "path/h2c.h"
#include "path/rate_limits.h"
#include "path/reach.h"
#include "path/refuse.h"
#include "path/tunnel.h"
#include "path/witness.h"
#include "policy/header_hygiene.h"
#include "route/fault.h"

namespace epaulet::path {
namespace {

using telemetry::Event;

/// What the destination stands for in the view at hand: the settings' table, then what discovery
/// knows.
Destination look_up(const View& view, const SocketAddress& address) {
  auto found = view.snapshot().destinations.find(address);
  if (found.kind != Destination::Kind::egress) return found;
  const auto backend = view.backend_of(address);
  if (backend == Destination::kNone) {
    const auto* service = view.service_at(address);
    return service == nullptr ? found : *service;
  }
  found.kind = Destination::Kind::endpoint;
  found.backend = backend;
  const auto& services = view.snapshot().services;
  for (std::uint32_t i = 0; i < services.size(); ++i) {
    if (services[i].settings->default_backend == view.snapshot().backends[backend].settings->name)
      found.service = i;
  }
  return found;
}

Error no_service() {
  return {ErrorCode::no_service, Side::self, Stage::route};
}

/// RFC 9110 section 9.2.1: the other methods are safe.
bool may_change(http::Method method) {
  return method != http::Method::get && method != http::Method::head &&
         method != http::Method::options && method != http::Method::trace;
}

const EffectiveTimeouts& default_timeouts(const Snapshot& snapshot) {
  return snapshot.inbound_timeouts;
}

/// Where bytes that nobody understands go.
struct OpaqueWay {
  std::uint32_t backend = Destination::kNone;
  std::optional<SocketAddress> pinned;  ///< The endpoint that was dialled.
  balance::SessionKey session;
  Duration connect{};
  Duration max_duration{};
  const RouteState* route = nullptr;  ///< None: its endpoint was dialled.
};

/// To the endpoint that was dialled, or where the first route leads that asks for no more than a
/// server's name, which TLS of the app may give.
Result<OpaqueWay> opaque_way(Connection& connection, const Destination& destination,
                             std::string_view server_name) {
  const Snapshot& snapshot = connection.snapshot();
  const Route* route = nullptr;
  OpaqueWay way;
  way.connect = default_timeouts(snapshot).connect;
  way.max_duration = default_timeouts(snapshot).max_duration;
  if (destination.service != Destination::kNone) {
    route =
        snapshot.services[destination.service].table.opaque(server_name, destination.service_port);
    if (route != nullptr) {
      way.connect = route->timeouts().connect;
      way.max_duration = route->timeouts().max_duration;
    }
  }
  if (destination.kind == Destination::Kind::endpoint) {
    way.backend = destination.backend;
    way.pinned = connection.destination;
    return way;
  }
  if (route == nullptr) return Error(ErrorCode::no_route, Side::self, Stage::route);
  way.route = &snapshot.services[destination.service].state_of(*route);
  way.backend = route->pick(connection.worker.loop.random().next()).backend_index;
  const auto& backend = snapshot.backends[way.backend];
  connection.trace(Stage::route, Event::routed, way.route->name, backend.name);
  way.session = session_of(connection.worker.shared, backend.settings->balance).key;
  return way;
}

/// Nothing was said yet, so another endpoint may do as well: within the route's retries and budget,
/// each endpoint once.
bool may_try_another(Connection& connection, const OpaqueWay& way, const TriedEndpoints& tried,
                     const Error& error) {
  if (way.route == nullptr || error.retry != Retry::safe) return false;
  if (!way.route->retry.lists(error)) return false;
  if (tried.count() > way.route->retry.max) return false;
  const EndpointSet* const set = connection.view->endpoints(way.backend);
  if (set == nullptr || tried.in(*set).all().size() >= set->endpoints.size()) return false;
  if (!spend_retry(connection.worker, way.route->budget.get())) return false;
  connection.worker.telemetry.count(telemetry::Counter::retries);
  return true;
}

/// For bytes that nobody understands. The budget's first attempt is counted by the tunnel: if a
/// request of HTTP comes instead, that is one of its own.
Task<Result<RawUpstream>> dial_opaque(Connection& connection, Destination destination,
                                      detect::MeshProtocol protocol, std::string server_name) {
  const auto way = opaque_way(connection, destination, server_name);
  if (!way) co_return way.error();
  const BackendState& state = connection.snapshot().backends[way->backend];
  TunnelWitness witness(connection, state,
                        connection.snapshot().breaker_of(way->route, way->backend));
  if (const auto entered = witness.enter(); !entered) co_return entered.error();
  TriedEndpoints tried;
  for (;;) {
    auto hop = next_hop(*connection.view, way->backend, way->pinned, tried, way->session,
                        connection.now());
    if (!hop) co_return hop.error();
    hop->unwrapped = connection.app_tls && !state.settings->tls.wrap_tls;
    connection.record().endpoint = hop->endpoint_id;
    if (hop->balancer != 0) {
      connection.trace(
          Stage::connect, Event::endpoint_picked, hop->endpoint_id,
          telemetry::picked_by(static_cast<std::uint32_t>(tried.count()), hop->balancer));
    }
    note_zone(connection.worker, *hop, connection.record().trace);
    balance::InFlight in_flight(hop->load, balance::Flight::tunnel, connection.now());
    auto raw = co_await dial_raw(connection, *connection.view, *hop, protocol, way->connect);
    witness.dialled(*hop, raw ? Error() : raw.error());
    if (raw) {
      raw->in_flight = std::move(in_flight);
      raw->max_duration = way->max_duration;
      if (way->route != nullptr) raw->budget = way->route->budget.get();
    }
    if (raw || connection.scope.cancelled()) co_return raw;
    connection.trace(raw.error().stage, Event::attempt_failed,
                     static_cast<std::uint32_t>(raw.error().code),
                     static_cast<std::uint32_t>(raw.error().detail));
    if (!witness.may_retry()) co_return raw;
    if (!may_try_another(connection, *way, tried, raw.error())) co_return raw;
  }
}

class ServiceDial final : public EarlyDial {
 public:
  ServiceDial(Connection& connection, const Destination& destination)
      : connection_(connection), destination_(destination) {}
  Task<Result<RawUpstream>> dial() override {
    return dial_opaque(connection_, destination_, detect::MeshProtocol::any, {});
  }

 private:
  Connection& connection_;
  Destination destination_;
};

/// An HTTP request decided otherwise: the connection that was dialled early serves a later
/// exchange.
void park(Connection& connection, RawUpstream raw) {
  const Snapshot& snapshot = connection.snapshot();
  if (raw.backend != Destination::kNone &&
      snapshot.backends[raw.backend].settings->http == HttpVersion::http2) {
    return;  // Nobody will ask for it.
  }
  Hop hop;
  hop.backend = raw.backend;
  hop.endpoint = raw.endpoint;
  hop.identity = raw.identity;
  auto key = pool_key(connection.worker, snapshot, hop);
  if (key.trust != raw.trust) return;
  if (!raw.reader->is_quiet()) return;  // Something arrived a moment ago and would be lost.
  raw.reader.reset();
  auto parked =
      std::make_unique<upstream::Connection>(key, std::move(raw.stream), snapshot.head_limits(),
                                             std::move(raw.permit), connection.worker.telemetry);
  parked->peer = raw.peer;
  parked->rests_on = raw.rests_on;
  connection.worker.pool.put(std::move(parked));
}

Task<Service> egress_service(Connection& connection) {
  if (connection.snapshot().settings.egress == EgressMode::deny) {
    co_return refuse_connection(connection,
                                Error(ErrorCode::egress_denied, Side::self, Stage::route));
  }
  connection.worker.telemetry.count(telemetry::Counter::egress_connections);
  Hop hop;
  hop.endpoint = connection.destination;
  auto raw = co_await dial_raw(connection, *connection.view, hop, detect::MeshProtocol::opaque,
                               std::chrono::seconds(60));  // The app's own connect decides before.
  if (!raw) co_return refuse_connection(connection, raw.error());
  co_return tunnel(connection, std::move(*raw));
}

/// Bytes that are not HTTP/1 for us: which protocol the next sidecar is told.
detect::MeshProtocol protocol_for(Spoken spoken, PortProtocol declared) {
  if (declared == PortProtocol::tcp || spoken == Spoken::tls) return detect::MeshProtocol::opaque;
  return detect::MeshProtocol::any;  // It looks itself, so that its rules hold.
}

/// The name in the caller's ClientHello, if a route may look at it. Bytes that only begin like one
/// have none.
Task<std::string> server_name_for(Connection& connection, const Destination& destination) {
  std::string name;
  if (destination.kind == Destination::Kind::endpoint) co_return name;
  const auto& table = connection.snapshot().services[destination.service].table;
  if (!table.looks_at_server_names()) co_return name;
  auto hello = co_await read_hello(connection);
  if (hello) name = std::move(hello->server_name);
  co_return name;
}

/// Whether TLS of the app may use what was dialled before it was known to be that.
bool suits_app_tls(const Connection& connection, const RawUpstream& early,
                   std::string_view server_name) {
  const auto& backend = *connection.snapshot().backends[early.backend].settings;
  return server_name.empty() && backend.tls.wrap_tls;
}

Task<Service> service_of(Connection& connection, Destination destination) {
  Detected detected;
  if (destination.protocol != PortProtocol::tcp) {
    ServiceDial dial(connection, destination);
    const bool early = destination.protocol == PortProtocol::automatic &&
                       (destination.service == Destination::kNone ||
                        connection.snapshot().services[destination.service].table.opaque(
                            {}, destination.service_port) != nullptr);
    auto found = co_await find_protocol(connection, early ? &dial : nullptr);
    if (!found) co_return refuse_connection(connection, found.error());
    detected = std::move(*found);
  }
  connection.trace(Stage::detect, Event::detected, static_cast<std::uint32_t>(detected.protocol));
  if (detected.protocol == Spoken::http1 && destination.service != Destination::kNone) {
    if (detected.upstream) park(connection, std::move(*detected.upstream));
    co_return serve_http1(connection);
  }
  if (detected.protocol == Spoken::http2 && destination.service != Destination::kNone) {
    // What was dialled early was for somebody who would wait for a greeting.
    co_return serve_http2(connection);
  }
  if (destination.protocol == PortProtocol::http && detected.protocol == Spoken::opaque) {
    co_return refuse_connection(
        connection, Error(ErrorCode::protocol_unexpected, Side::downstream, Stage::detect));
  }
  std::string server_name;
  if (detected.protocol == Spoken::tls) {
    connection.app_tls = true;
    connection.worker.telemetry.count(telemetry::Counter::app_tls_outbound);
    server_name = co_await server_name_for(connection, destination);
    if (detected.upstream && !suits_app_tls(connection, *detected.upstream, server_name)) {
      detected.upstream.reset();
    }
  }
  if (!detected.upstream) {
    auto raw =
        co_await dial_opaque(connection, destination,
                             protocol_for(detected.protocol, destination.protocol), server_name);
    if (!raw) co_return refuse_connection(connection, raw.error());
    detected.upstream.emplace(std::move(*raw));
  }
  co_return tunnel(connection, std::move(*detected.upstream));
}

}  // namespace

Task<Service> outbound_service(Connection& connection) {
  const auto destination = look_up(*connection.view, connection.destination);
  if (destination.service != Destination::kNone)
    connection.service = connection.snapshot().services[destination.service].name;
  // Not a switch: g++ 12 destroys a temporary of an await expression in a case it never ran
  // (tests/unit/runtime).
  if (destination.kind == Destination::Kind::unknown)
    co_return refuse_connection(connection, no_service());
  if (destination.kind == Destination::Kind::egress) co_return co_await egress_service(connection);
  co_return co_await service_of(connection, destination);
}

bool is_asked_in_http2_outbound(const Connection& connection, const View& view) {
  const auto destination = look_up(view, connection.destination);
  if (destination.kind == Destination::Kind::endpoint) {
    return view.snapshot().backends[destination.backend].settings->http == HttpVersion::http2;
  }
  return destination.service != Destination::kNone &&
         view.snapshot().services[destination.service].asked_in_http2;
}

namespace {

/// What `refuse` of a route answers. GRPCRoute of Gateway API wants a call that leads to no backend
/// to be unavailable, and one that no rule is for is not implemented.
Error refusal(const RefuseSettings& refuse, const RouteState& route) {
  const std::uint32_t grpc_status = refuse.status == 500   ? 14
                                    : refuse.status == 404 ? 12
                                                           : grpc_status_of_http(refuse.status);
  Error error(ErrorCode::no_route, Side::self, Stage::route, Retry::never,
              refuse.status | grpc_status << 16);
  error.note = route.shaping->source;
  return error;
}

}  // namespace

Result<Plan> admit_outbound(Exchange& exchange) {
  const Snapshot& snapshot = exchange.snapshot();
  const auto destination = look_up(*exchange.view, exchange.connection.destination);
  // A reload may have taken the service or its port away since the connection was accepted.
  if (destination.kind == Destination::Kind::unknown || destination.service == Destination::kNone)
    return no_service();
  const ServiceState& service = snapshot.services[destination.service];
  exchange.record.service = service.name;
  const double drawn = service.table.has_shares() ? exchange.worker().loop.random().unit() : 0.0;
  const Route* route = service.table.match(exchange.request, destination.service_port, drawn);
  if (route == nullptr) return Error(ErrorCode::no_route, Side::self, Stage::route);
  const RouteState& state = service.state_of(*route);

  exchange.record.route = state.name;
  if (state.shaping != nullptr && state.shaping->rules.cors)
    exchange.cors = &*state.shaping->rules.cors;
  if (exchange.delivery == nullptr) {  // Which met its limit when it was accepted.
    const auto within = within_limit(exchange, state.rate_limit);
    if (!within) return within.error();
  }

  Plan plan;
  plan.timeouts = &route->timeouts();
  plan.shaping = state.shaping.get();
  plan.is_preflight = exchange.cors != nullptr && !preflight_method(exchange.request).empty();
  if (route->redirects() || plan.is_preflight) return plan;  // It goes nowhere from here.
  const bool is_pinned = destination.kind == Destination::Kind::endpoint;
  if (const auto& refuse = route->refuse(); refuse && !is_pinned) {
    const bool is_meant =
        route->targets().empty() || exchange.worker().loop.random().unit() < refuse->share;
    if (is_meant) return refusal(*refuse, state);
  }
  plan.retry = &state.retry;
  plan.criticality = state.criticality;
  plan.hedge = state.hedge.get();
  plan.budget = state.budget.get();
  if (service.changes != nullptr && may_change(exchange.request.method))
    plan.changes = service.changes.get();
  if (state.background.room != nullptr) plan.background = &state.background;
  if (state.fallback.settings != nullptr) plan.fallback = &state.fallback;
  if (is_pinned) {
    plan.backend = destination.backend;
    plan.pinned = exchange.connection.destination;
  } else {
    plan.backend = route->pick(exchange.worker().loop.random().next()).backend_index;
  }
  plan.breaker = snapshot.breaker_of(&state, plan.backend);
  plan.http = snapshot.backends[plan.backend].settings->http;
  const auto& balance = snapshot.backends[plan.backend].settings->balance;
  Worker& worker = exchange.worker();
  plan.session = session_of(worker.shared, balance, exchange.request, worker.loop.random());
  exchange.record.backend = snapshot.backends[plan.backend].name;
  exchange.trace(Stage::route, Event::routed, state.name, exchange.record.backend);
  clean_outbound_request(exchange.request, exchange.snapshot().ingress);
  if (service.credentials != nullptr &&
      service.credentials->attach(exchange.request, exchange.view->minted(destination.service),
                                  worker.loop.wall_now())) {
    worker.telemetry.count(telemetry::Counter::tokens_minted);
  }
  return plan;
}

}  // namespace epaulet::path

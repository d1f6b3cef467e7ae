#include <algorithm>

#include "http/deadline.h"
#include "path/access_trace.h"
#include "path/concurrency.h"
#include "path/exchange.h"
#include "path/h2c.h"
#include "path/rate_limits.h"
#include "path/reach.h"
#include "path/refuse.h"
#include "path/tunnel.h"
#include "policy/header_hygiene.h"
#include "policy/path_hygiene.h"

namespace epaulet::path {
namespace {

using Kind = telemetry::ConnectionRecord::Kind;
using telemetry::Event;

const WorkloadPortSettings& port_settings(const Connection& connection, const Snapshot& snapshot) {
  static const WorkloadPortSettings
      kUndeclared;  // A reload took the port away: strict and without rules.
  const auto& ports = snapshot.settings.workload.ports;
  const auto found = ports.find(connection.destination.port);
  return found == ports.end() ? kUndeclared : found->second;
}

Hop app_hop(const Connection& connection) {
  Hop hop;
  hop.endpoint = connection.destination;  // The pod's own address, never loopback.
  return hop;
}

/// A reload may have taken the port away, or closed it to plaintext, since the connection was
/// accepted.
Result<void> still_open(const Connection& connection, const Snapshot& snapshot) {
  const auto& ports = snapshot.settings.workload.ports;
  const auto port = ports.find(connection.destination.port);
  if (port == ports.end()) {
    return Error(ErrorCode::port_not_declared, Side::downstream, Stage::route, Retry::never,
                 connection.destination.port);
  }
  if (port->second.tls == PortTls::strict && !connection.mesh_tls) {
    return Error(ErrorCode::plaintext_on_strict_port, Side::downstream, Stage::tls);
  }
  return {};
}

/// May this peer open a connection whose requests nobody sees?
Result<void> admit_connection(Connection& connection) {
  const Snapshot& snapshot = connection.snapshot();
  const auto principals =
      snapshot.authenticator.authenticate_connection(connection.peer, &connection.peer_address.ip);
  const auto verdict =
      snapshot.access.authorize_connection(connection.destination.port, principals);
  const auto ids = trace_verdict(snapshot, verdict, connection.now(), connection.record().trace);
  connection.record().rule = ids.name;
  connection.record().rule_origin = ids.origin;
  note_audit(snapshot, verdict, connection.record());
  if (!verdict.allowed()) return refusal_of(verdict);
  return {};
}

telemetry::Protection protection_of(const Connection& connection) {
  if (connection.mesh_tls) return telemetry::Protection::mesh;
  return connection.app_tls ? telemetry::Protection::app_tls : telemetry::Protection::none;
}

/// The app, dialled before the caller has spoken. Only where its identity alone may decide.
class AppDial final : public EarlyDial {
 public:
  explicit AppDial(Connection& connection) : connection_(connection) {}
  Task<Result<RawUpstream>> dial() override {
    return dial_raw(connection_, *connection_.view, app_hop(connection_),
                    detect::MeshProtocol::opaque, connection_.snapshot().inbound_timeouts.connect);
  }

 private:
  Connection& connection_;
};

Task<Result<Detected>> find_inbound_protocol(Connection& connection, bool has_l7_rules) {
  const auto declared = port_settings(connection, connection.snapshot()).protocol;
  Detected known;
  if (connection.app_tls || declared == PortProtocol::tcp ||
      connection.mesh_protocol == detect::MeshProtocol::opaque) {
    known.protocol = connection.app_tls ? Spoken::tls : Spoken::opaque;
    co_return known;
  }
  known.protocol = Spoken::http1;
  if (connection.mesh_protocol == detect::MeshProtocol::http1) co_return known;
  known.protocol = Spoken::http2;
  if (connection.mesh_protocol == detect::MeshProtocol::http2) co_return known;
  AppDial app(connection);
  const bool early = declared == PortProtocol::automatic && !has_l7_rules &&
                     admit_connection(connection).has_value();
  co_return co_await find_protocol(connection, early ? &app : nullptr);
}

/// What is not HTTP passes as it is, if the port has no rules that take a request to judge.
Result<void> admit_opaque(Connection& connection, bool has_l7_rules) {
  const auto declared = port_settings(connection, connection.snapshot()).protocol;
  if (declared != PortProtocol::tcp && (has_l7_rules || declared == PortProtocol::http)) {
    return Error(ErrorCode::protocol_unexpected, Side::downstream, Stage::detect);
  }
  return admit_connection(connection);
}

/// Secures the connection and finds out what is spoken. A caller on a permissive port that was
/// silent at first may still be a sidecar, whose ClientHello was late: then it is secured behind
/// all.
Task<Result<Detected>> secure_and_detect(Connection& connection) {
  for (;;) {
    const auto secured = co_await secure(connection);
    connection.service = connection.snapshot().own_service;
    if (!secured) co_return secured.error();
    if (connection.mesh_protocol == detect::MeshProtocol::multiplexed) co_return Detected();
    const bool has_l7_rules =
        connection.snapshot().access.has_l7_rules(connection.destination.port);
    auto detected = co_await find_inbound_protocol(connection, has_l7_rules);
    const bool unexpected_tls = detected && detected->protocol == Spoken::tls &&
                                !connection.app_tls && !connection.mesh_tls;
    if (!unexpected_tls) co_return detected;
  }
}

Task<Service> service_of(Connection& connection, Detected detected) {
  connection.port_use.emplace(connection.worker.telemetry, connection.destination.port,
                              protection_of(connection));
  const bool has_l7_rules = connection.snapshot().access.has_l7_rules(connection.destination.port);
  connection.trace(Stage::detect, Event::detected, static_cast<std::uint32_t>(detected.protocol));
  if (detected.protocol == Spoken::http1) {
    co_return serve_http1(connection);
  }
  if (detected.protocol == Spoken::http2) {
    co_return serve_http2(connection);
  }
  if (detected.protocol == Spoken::tls) {
    connection.worker.telemetry.count(telemetry::Counter::app_tls_inbound);
  }
  const auto admitted = admit_opaque(connection, has_l7_rules);
  if (!admitted) co_return refuse_connection(connection, admitted.error());
  if (!detected.upstream) {
    auto dialled = co_await dial_raw(connection, *connection.view, app_hop(connection),
                                     detect::MeshProtocol::opaque,
                                     connection.snapshot().inbound_timeouts.connect);
    if (!dialled) co_return refuse_connection(connection, dialled.error());
    detected.upstream.emplace(std::move(*dialled));
  }
  co_return tunnel(connection, std::move(*detected.upstream));
}

Task<Service> carried_service(Connection& connection) {
  const auto port = connection.destination.port;
  const bool has_l7_rules = connection.snapshot().access.has_l7_rules(port);
  auto detected = co_await find_inbound_protocol(connection, has_l7_rules);
  if (!detected) co_return refuse_connection(connection, detected.error());
  co_return co_await service_of(connection, std::move(*detected));
}

}  // namespace

Task<Service> inbound_service(Connection& connection) {
  auto detected = co_await secure_and_detect(connection);
  if (!detected) co_return refuse_connection(connection, detected.error());
  if (connection.mesh_protocol == detect::MeshProtocol::multiplexed)
    co_return serve_multiplexed(connection);
  co_return co_await service_of(connection, std::move(*detected));
}

Task<void> serve_carried(Connection& connection) {
  auto service = co_await carried_service(connection);
  co_await service;
}

bool is_asked_in_http2_inbound(const Connection& connection, const Snapshot& snapshot) {
  return port_settings(connection, snapshot).http == HttpVersion::http2;
}

Result<Plan> admit_inbound(Exchange& exchange) {
  static const resilience::RetryRules kNoRetries{0, {}, {}, {}, false, {}};
  Connection& connection = exchange.connection;
  const Snapshot& snapshot = exchange.snapshot();
  const std::uint16_t port = connection.destination.port;
  auto& record = exchange.record;
  record.service = snapshot.own_service;
  const auto open = still_open(connection, snapshot);
  if (!open) return open.error();

  const auto& settings = port_settings(connection, snapshot);
  if (snapshot.access.has_path_rules(port) || snapshot.limits_look_at_paths) {
    const auto settled = settle_path(exchange.request, settings.paths);
    if (!settled) return settled.error();
  }
  const bool from_ingress = snapshot.ingress.trusts(connection.peer);
  const bool is_told_of = from_ingress && snapshot.ingress.names_clients();
  const auto client = is_told_of ? snapshot.ingress.client_of(exchange.request)
                                 : std::optional(connection.peer_address.ip);
  auto principals = snapshot.authenticator.authenticate(
      exchange.request, connection.peer, connection.worker.tokens,
      connection.worker.loop.wall_now(), client ? &*client : nullptr);
  principals.client_unknown = !client;
  if (remove_claims(exchange.request, !connection.peer.empty(), snapshot.ingress, from_ingress))
    connection.worker.telemetry.count(telemetry::Counter::forwarded_fields_removed);
  trace_principals(snapshot, principals, connection.peer_id, exchange.now(), record.trace);
  const auto verdict = snapshot.access.authorize(exchange.request, port, principals);
  const auto ids = trace_verdict(snapshot, verdict, exchange.now(), record.trace);
  record.rule = ids.name;
  record.rule_origin = ids.origin;
  record.route = ids.name;
  note_audit(snapshot, verdict, record);
  if (!verdict.allowed()) return refusal_of(verdict);
  if (!snapshot.inbound_limits.empty()) {
    const auto within =
        within_limits(exchange, principals, client.value_or(connection.peer_address.ip));
    if (!within) return within.error();
  }
  if (snapshot.concurrency.limit != nullptr) {
    const auto entered = take_place(exchange);
    if (!entered) return entered.error();
  }
  exchange.given_time = http::deadline_in(exchange.request);
  const Duration most = snapshot.inbound_timeouts.request;
  if (connection.peer.empty() && most.count() > 0 && exchange.given_time)
    exchange.given_time = std::min(*exchange.given_time, most);
  snapshot.authenticator.strip_credentials(exchange.request, principals);
  add_proofs(exchange.request, principals, *snapshot.roles);

  Plan plan;
  plan.timeouts = &snapshot.inbound_timeouts;
  plan.retry = &kNoRetries;
  plan.budget = &connection.worker.shared.app_resends;
  plan.pinned = connection.destination;
  plan.http = settings.http;
  plan.inbound = true;
  return plan;
}

}  // namespace epaulet::path

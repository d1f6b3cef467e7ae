#include "path/concurrency.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "http/criticality.h"

namespace epaulet::path {
namespace {

using resilience::AdaptiveConcurrency;
using telemetry::Event;

constexpr std::string_view kGrpcHealth = "/grpc.health.v1.Health/";

/// Whoever asks the app how it is has to hear it, above all when it has much to do.
bool is_probe(const Exchange& exchange) {
  const auto& request = exchange.request;
  if (request.path.starts_with(kGrpcHealth)) return exchange.is_grpc();
  if (request.method != http::Method::get && request.method != http::Method::head) return false;
  const auto port = exchange.connection.destination.port;
  const auto& probes = exchange.snapshot().settings.workload.probes;
  return std::any_of(probes.begin(), probes.end(), [&](const ProbeSettings& probe) {
    return probe.port == port && !probe.path.empty() &&
           request.path == std::string_view(probe.path).substr(0, probe.path.find('?'));
  });
}

std::optional<Criticality> told_by_peer(const Exchange& exchange) {
  if (exchange.connection.peer.empty()) return std::nullopt;
  const auto* field = exchange.request.find(http::kCriticalityField);
  if (field == nullptr) return std::nullopt;
  for (const auto one : {Criticality::sheddable, Criticality::normal, Criticality::critical}) {
    if (equals_ignore_case(field->value, resilience::name_of(one))) return one;
  }
  return std::nullopt;
}

/// What the app's own configuration says counts before what its callers say.
Criticality criticality_of(const Exchange& exchange, const ConcurrencyState& state) {
  if (is_probe(exchange)) return Criticality::exempt;
  const auto port = exchange.connection.destination.port;
  for (const auto& one : state.classes) {
    const bool is_of_port =
        one.ports.empty() || std::find(one.ports.begin(), one.ports.end(), port) != one.ports.end();
    if (is_of_port && one.match.matches(exchange.request)) return one.is;
  }
  return told_by_peer(exchange).value_or(Criticality::normal);
}

void tell_log(Exchange& exchange, const ConcurrencyState& state) {
  telemetry::HealthRecord record;
  record.event = "app_overloaded";
  record.message =
      "requests are refused, since the app has as much to do as its concurrency limit lets it";
  record.reason = "concurrency_limit";
  record.is_bad_news = true;
  record.source = state.source;
  record.outcome = ErrorCode::overloaded;
  exchange.worker().telemetry.report(record, exchange.worker().loop.wall_now());
}

}  // namespace

Result<void> take_place(Exchange& exchange) {
  const auto& state = exchange.snapshot().concurrency;
  const auto criticality = criticality_of(exchange, state);
  if (criticality == Criticality::exempt) return Result<void>();
  auto entry = state.limit->enter(criticality, exchange.now());
  if (entry.place) {
    exchange.place = std::move(entry.place);
    return Result<void>();
  }
  if (entry.begins_refusing) tell_log(exchange, state);
  exchange.record.criticality = telemetry::intern(resilience::name_of(criticality));
  exchange.trace(Stage::limit, Event::overloaded, exchange.record.criticality, entry.limit);
  Error error(ErrorCode::overloaded, Side::self, Stage::limit, Retry::never,
              static_cast<std::int32_t>(entry.limit));
  error.note = state.source;
  return error;
}

void leave_place(Exchange& exchange, const Error& ended) {
  if (!exchange.place) return;
  const bool waited_in_vain =
      ended.side == Side::upstream &&
      (ended.code == ErrorCode::request_timeout || ended.code == ErrorCode::deadline_exceeded ||
       ended.code == ErrorCode::attempt_timeout || ended.code == ErrorCode::first_byte_timeout ||
       ended.code == ErrorCode::idle_timeout);
  exchange.place.answered(exchange.now(), waited_in_vain);
}

}  // namespace epaulet::path

#include <fmt/format.h>

#include "base/error_table.h"
#include "http/grpc.h"
#include "path/exchange.h"
#include "path/proxy_status.h"
#include "path/rate_limits.h"

namespace epaulet::path {
namespace {

/// The route says it: of a fault, or of a refusal.
bool has_own_status(const Error& error) {
  return (error.code == ErrorCode::fault_injected || error.code == ErrorCode::no_route) &&
         error.detail != 0;
}

std::uint16_t status_for(const Exchange& exchange, const Error& error) {
  if (error.code == ErrorCode::token_invalid)
    return exchange.snapshot().settings.access.invalid_token_status;
  // Nothing could stand in for the answer: the app gets its status at least.
  if (error.code == ErrorCode::answer_replaced && error.detail != 0)
    return static_cast<std::uint16_t>(error.detail & 0xffff);
  if (has_own_status(error)) return static_cast<std::uint16_t>(error.detail & 0xffff);
  const auto status = describe(error.code).http_status;
  return status == 0 ? 502 : status;
}

std::uint8_t grpc_status_for(const Error& error) {
  const bool is_of_an_answer = error.code == ErrorCode::answer_replaced && error.detail >> 16 != 0;
  if (has_own_status(error) || is_of_an_answer)
    return static_cast<std::uint8_t>(error.detail >> 16);
  return describe(error.code).grpc_status;
}

/// RFC 9110 section 11.6.1: a 401 names what would do; RFC 6750 section 3.1: and what was wrong
/// with a token.
std::string_view challenge(std::uint16_t status, const Error& error) {
  if (status != 401 || error.code == ErrorCode::answer_replaced || has_own_status(error)) return "";
  if (error.code == ErrorCode::key_invalid || error.code == ErrorCode::key_required)
    return "WWW-Authenticate: ApiKey\r\n";  // No scheme is registered for them.
  return error.code == ErrorCode::token_invalid
             ? "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"
             : "WWW-Authenticate: Bearer\r\n";
}

bool says_when(const Error& error) {
  return error.code == ErrorCode::breaker_open || error.code == ErrorCode::rate_limited;
}

/// RFC 9110 section 10.2.3: when to come back, where that is known.
std::string retry_after(const Error& error) {
  if (error.code == ErrorCode::overloaded) return "Retry-After: 1\r\n";
  if (!says_when(error)) return {};
  return fmt::format("Retry-After: {}\r\n", (error.detail + 999) / 1000);
}

/// As Envoy marks what it drops because of load, so that whoever routes to us by one sends no retry
/// after it.
bool says_overloaded(const Exchange& exchange, const Error& error) {
  if (!exchange.snapshot().settings.envoy_overloaded) return false;
  return error.code == ErrorCode::overloaded || error.code == ErrorCode::limit_pending ||
         error.code == ErrorCode::breaker_open || error.code == ErrorCode::background_full;
}

/// Which breaker, limit or time, why, and until when, for whoever runs the app beside us.
std::string more_about(const Error& error) {
  const bool names_its_time = error.code == ErrorCode::body_timeout && error.note != 0;
  if (has_own_status(error) || names_its_time)
    return fmt::format(" ({})", telemetry::text_of(error.note));
  if (!says_when(error)) return {};
  const auto what = error.code == ErrorCode::breaker_open ? "asked again" : "one more is allowed";
  return fmt::format(" ({}; {} in {} ms)", telemetry::text_of(error.note), what, error.detail);
}

bool reader_may_know(const Exchange& exchange) {
  const Connection& connection = exchange.connection;
  if (!connection.inbound()) return false;
  if (!connection.peer.empty()) return true;
  const auto& ports = exchange.snapshot().settings.workload.ports;
  const auto port = ports.find(connection.destination.port);
  return port != ports.end() && port->second.expose;
}

/// What a caller is told, in a line. An outsider gets a request id and no more; whoever runs the
/// mesh asks explain for it.
std::string sentence(const Exchange& exchange, const Error& error) {
  const auto id = exchange.record.request_id.view();
  if (exchange.connection.inbound())
    return fmt::format("Refused by the service mesh. Request id: {}", id);
  return fmt::format("epaulet: {}{}. `epaulet explain {}` tells more.",
                     describe(error.code).summary, more_about(error), id);
}

/// A gRPC client reads its status from a head that ends the stream ("Trailers-Only").
Task<Result<void>> answer_grpc(Exchange& exchange, const Error& error, std::string_view lines) {
  http::ResponseHead head;
  head.status = 200;
  head.added.add("content-type", "application/grpc");
  head.added.append(grpc_trailers(exchange, error));
  head.added.append(lines);
  exchange.record.grpc_status = grpc_status_for(error);
  exchange.server.begin_response(exchange.request, head, true);
  const http::Chunk end({}, true);
  co_return co_await exchange.server.writer().push(end, *exchange.scope);
}

}  // namespace

std::string grpc_trailers(const Exchange& exchange, const Error& error) {
  return fmt::format("grpc-status: {}\r\ngrpc-message: {}\r\n", grpc_status_for(error),
                     http::grpc_message(sentence(exchange, error)));
}

Task<Result<void>> answer(Exchange& exchange, const Error& error, bool may_keep) {
  // Nobody is there to read it, or half an informational answer stands before it.
  if (error.code == ErrorCode::downstream_reset || error.code == ErrorCode::downstream_aborted ||
      exchange.server.writer().broken()) {
    exchange.server.writer().abort(error);
    co_return error;
  }
  const std::uint16_t status = status_for(exchange, error);
  const auto id = exchange.record.request_id.view();
  std::string lines(challenge(status, error));
  lines += fmt::format("X-Request-Id: {}\r\n", id);
  lines += retry_after(error);
  if (says_overloaded(exchange, error)) lines += "x-envoy-overloaded: true\r\n";
  http::AddedFields more;
  add_rate_fields(exchange, more);
  // A page that may read the answer may read a failure, too.
  if (exchange.cors != nullptr) exchange.cors->add_lines(exchange.request, more);
  lines += more.lines();
  if (reader_may_know(exchange)) {
    lines += fmt::format("Proxy-Status: {}\r\n",
                         proxy_status_text(error.code, telemetry::text_of(exchange.record.rule),
                                           telemetry::text_of(exchange.record.rule_origin)));
  }
  if (!exchange.connection.inbound() && exchange.record.attempts > 1)
    lines += "x-epaulet-retries-exhausted: 1\r\n";
  const std::string body = sentence(exchange, error) + '\n';
  const bool grpc = exchange.is_grpc();
  exchange.record.status = grpc ? 200 : status;
  exchange.record.status_is_ours = true;
  exchange.committed = true;
  exchange.trace(error.stage, telemetry::Event::answered_by_us, status);
  if (grpc) co_return co_await answer_grpc(exchange, error, lines);
  // After a malformed head or body nobody knows where the next request begins.
  const bool framing_known = exchange.server.body().complete() ||
                             (error.stage != Stage::parse && error.side != Side::downstream) ||
                             error.stage == Stage::authorize || error.stage == Stage::authenticate;
  // A reload took the port away, or closed it to plaintext: whatever comes next fares the same.
  const bool is_over = error.code == ErrorCode::plaintext_on_strict_port ||
                       error.code == ErrorCode::port_not_declared;
  bool keep = may_keep && framing_known && !is_over;
  if (keep) {
    keep = co_await exchange.server.skip_buffered_body(*exchange.scope);
  }
  co_return co_await exchange.server.send_answer(exchange.request, status, lines, body, keep,
                                                 *exchange.scope);
}

}  // namespace epaulet::path

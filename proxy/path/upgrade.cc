#include "path/upgrade.h"

#include "base/ascii.h"
#include "crypto/digest.h"
#include "path/tunnel.h"
#include "telemetry/counted.h"

namespace epaulet::path {
namespace {

constexpr std::string_view kKey = "sec-websocket-key";
constexpr std::string_view kAccept = "sec-websocket-accept";

/// RFC 6455 section 4.2.2.
std::string accept_for(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  return base64(sha1(text));
}

Error not_agreed() {
  return {ErrorCode::response_malformed, Side::upstream, Stage::receive};
}

/// The caller sees the answer to its own key, whoever it was that the app answered.
Result<void> settle_accept(Exchange& exchange) {
  auto& response = exchange.response;
  if (!equals_ignore_case(response.upgrade, "websocket")) return {};
  const auto* const accepted = response.find(kAccept);
  if (!exchange.websocket_key.empty() && accepted != nullptr) {
    if (accepted->value != accept_for(exchange.websocket_key)) return not_agreed();
    return {};
  }
  const auto* const key = exchange.request.find(kKey);
  if (accepted == nullptr && key != nullptr) {
    response.added.add("Sec-WebSocket-Accept", accept_for(key->value));
  }
  return {};
}

}  // namespace

void settle_handshake(Exchange& exchange) {
  auto& request = exchange.request;
  exchange.websocket_key.clear();
  if (!equals_ignore_case(request.upgrade, "websocket") || request.find(kKey) != nullptr) return;
  if (exchange.http1 != nullptr) return;  // Its server says what it thinks of it.
  std::array<std::uint8_t, 16> nonce;
  for (auto& byte : nonce) byte = static_cast<std::uint8_t>(exchange.worker().loop.random().next());
  exchange.websocket_key = base64(nonce);
  request.added.add("Sec-WebSocket-Key", exchange.websocket_key);
}

Task<Result<upstream::LeasePtr>> obtain_for_upgrade(Exchange& exchange, const Plan& plan, Hop hop,
                                                    std::optional<TimePoint> fresh_since) {
  Worker& worker = exchange.worker();
  const auto connect = plan.timeouts->connect;
  auto& trace = exchange.record.trace;
  const bool bodiless = exchange.request.framing.kind == http::Framing::Kind::none;
  if (asks_http2(exchange, plan) && bodiless) {
    const auto since = fresh_since.value_or(TimePoint());
    auto lease =
        co_await obtain_stream(worker, *exchange.view, hop, since, connect, trace, *exchange.scope);
    if (!lease) co_return lease.error();
    Scope hearing(*exchange.scope);
    hearing.set_deadline(exchange.now() + connect,
                         {ErrorCode::connect_timeout, Side::upstream, Stage::connect, Retry::safe});
    const auto takes = co_await (*lease)->takes_upgrades(hearing);
    if (!takes) co_return takes.error();
    if (*takes) co_return lease;
  }
  if (plan.http == HttpVersion::http2)
    co_return Error(ErrorCode::upgrade_unsupported, Side::upstream, Stage::connect);
  Wanted wanted;
  wanted.fresh = fresh_since.has_value();
  co_return co_await obtain(worker, *exchange.view, hop, wanted, connect, trace, *exchange.scope);
}

Task<Error> switch_protocols(Exchange& exchange, upstream::Lease& lease, Fork<Error>& upload,
                             Duration idle) {
  const bool agreed = !exchange.request.upgrade.empty() && !exchange.response.upgrade.empty();
  if (!agreed || upload.running()) co_return not_agreed();
  const auto settled = settle_accept(exchange);
  if (!settled) co_return settled.error();
  exchange.unwatch_downstream();
  auto& server = exchange.server;
  server.begin_response(exchange.request, exchange.response, false);
  exchange.committed = true;
  exchange.record.status = exchange.response.status;
  const http::Chunk end({}, true);
  const auto sent = co_await server.writer().push(end, *exchange.scope);
  if (!sent) co_return sent.error();
  // The request's deadline was for the answer, which has come; the tunnel lives as long as its
  // ends.
  exchange.scope->clear_deadline();
  // Nobody knows what it asks from now on.
  exchange.in_flight.unlist();
  const telemetry::Counted open(exchange.worker().telemetry,
                                exchange.connection.inbound()
                                    ? telemetry::Gauge::upgrades_inbound
                                    : telemetry::Gauge::upgrades_outbound);
  const auto downstream = server.switch_to_bytes();
  const auto upstream = lease.stream().switch_to_bytes();
  const auto relayed = co_await relay(downstream.stream, downstream.reader, upstream.stream,
                                      upstream.reader, *exchange.scope, idle);
  exchange.record.request_bytes = relayed.upstream_bytes;
  exchange.record.response_bytes = relayed.downstream_bytes;
  exchange.in_flight.leave();  // As a tunnel does, however it ends.
  co_return relayed.error;
}

}  // namespace epaulet::path

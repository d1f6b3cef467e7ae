#include "path/exchange.h"
#include "path/h2c.h"
#include "path/refuse.h"

// What is held between two requests is kept small: thousands of callers may keep connections on
// which they say nothing (tests/netns/test_proxy_cost.py has the bound).
namespace epaulet::path {
namespace {

constexpr std::chrono::seconds kFirstRequestWhileDraining{1};

/// Waits for the first byte of a request. False: the connection ends.
Task<bool> await_request(Connection& connection, bool is_first) {
  // By value: a reload while we wait takes this snapshot away.
  const auto keep_alive = connection.worker.view->snapshot().inbound_timeouts.keep_alive;
  std::optional<Scope> idle(
      std::in_place, connection.inbound() ? connection.worker.inbound_idle : connection.scope);
  idle->set_deadline(connection.now() + keep_alive,
                     {ErrorCode::idle_timeout, Side::downstream, Stage::accept});
  StreamReader& reader = connection.reader();
  while (reader.buffered().empty()) {
    if (reader.at_end()) co_return false;
    const auto filled = co_await reader.fill(*idle);
    if (filled) continue;
    if (filled.error().code != ErrorCode::draining || !std::exchange(is_first, false)) {
      connection.ended_at_rest = true;
      co_return false;
    }
    // Accepted, or waited for, in good faith: its first request may be on its way.
    idle.emplace(connection.scope);
    idle->set_deadline(connection.now() + kFirstRequestWhileDraining, filled.error());
  }
  co_return true;
}

/// True: another request may follow.
Task<bool> settle_connection(Exchange& exchange) {
  auto& server = exchange.server;
  if (!server.writer().complete()) {
    // The caller must not take half an answer for a whole one.
    exchange.connection.reset();
    co_return false;
  }
  if (server.keeps()) {
    const auto drained = co_await server.drain_body(*exchange.scope);
    if (drained) co_return true;
    co_await close_lingering(exchange.connection);
    co_return false;
  }
  if (exchange.response.status != 101) co_await close_lingering(exchange.connection);
  co_return false;
}

/// The usual end of an exchange: nothing is left to be done, and another may follow.
bool is_settled(http::ServerStream& server) {
  return server.keeps() && server.writer().complete() && server.body().complete();
}

/// Reads a request whose first byte is there, and serves it. True: another may follow.
Task<bool> serve_one(Connection& connection) {
  http::http1::ServerConnection server(connection.stream(), connection.reader(),
                                       connection.worker.view->snapshot().head_limits());
  Exchange exchange(connection, connection.scope, server, &server);
  exchange.view = connection.worker.view;
  exchange.begin();
  exchange.scope->set_deadline(connection.now() + exchange.snapshot().inbound_timeouts.head,
                               {ErrorCode::head_timeout, Side::downstream, Stage::parse});
  const auto read = co_await server.read_head(exchange.request, *exchange.scope);
  exchange.scope->clear_deadline();
  if (!read) {
    const auto answered = co_await answer_bad_head(exchange, read.error());
    if (answered) co_await close_lingering(connection);
    co_return false;
  }
  if (auto settings = h2c_offer(exchange)) {
    co_await serve_h2c(connection, std::move(exchange.request), std::move(*settings));
    co_return false;
  }
  co_await serve_request(exchange);
  bool is_kept = is_settled(server);
  if (!is_kept) is_kept = co_await settle_connection(exchange);
  if (is_kept) server.body().finish();
  co_return is_kept;
}

}  // namespace

Task<void> serve_http1(Connection& connection) {
  connection.let_go_of_record();
  for (bool is_first = true;; is_first = false) {
    const bool has_come = co_await await_request(connection, is_first);
    if (!has_come) break;
    const bool is_kept = co_await serve_one(connection);
    if (!is_kept) break;
  }
}

}  // namespace epaulet::path

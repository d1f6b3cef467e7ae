#include "path/exchange.h"
#include "path/h2c.h"
#include "path/refuse.h"

namespace epaulet::path {
namespace {

constexpr std::chrono::seconds kFirstRequestWhileDraining{1};

/// Reads the next request's head. False: the connection ends (what there was to say has been said).
Task<bool> read_request(Exchange& exchange) {
  auto& connection = exchange.connection;
  auto& server = *exchange.http1;
  {
    // By value: a reload while we wait takes this snapshot away.
    const auto keep_alive = connection.worker.view->snapshot().inbound_timeouts.keep_alive;
    Scope idle(connection.inbound() ? connection.worker.inbound_idle : connection.scope);
    idle.set_deadline(connection.now() + keep_alive,
                      {ErrorCode::idle_timeout, Side::downstream, Stage::accept});
    auto waiting = co_await server.await_request(idle);
    if (!waiting && waiting.error().code == ErrorCode::draining && !exchange.view) {
      // Accepted, or waited for, in good faith: its first request may be on its way.
      Scope last(connection.scope);
      last.set_deadline(connection.now() + kFirstRequestWhileDraining, waiting.error());
      waiting = co_await server.await_request(last);
    }
    connection.ended_at_rest = !waiting;
    if (!waiting || !*waiting) co_return false;
  }
  exchange.view = connection.worker.view;
  exchange.begin();
  exchange.scope->set_deadline(connection.now() + exchange.snapshot().inbound_timeouts.head,
                               {ErrorCode::head_timeout, Side::downstream, Stage::parse});
  const auto read = co_await server.read_head(exchange.request, *exchange.scope);
  exchange.scope->clear_deadline();
  if (read) co_return true;
  const auto answered = co_await answer_bad_head(exchange, read.error());
  if (answered) co_await close_lingering(connection);
  co_return false;
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

}  // namespace

Task<void> serve_http1(Connection& connection) {
  http::http1::ServerConnection server(connection.stream(), connection.reader(),
                                       connection.snapshot().head_limits());
  Exchange exchange(connection, connection.scope, server, &server);
  while (co_await read_request(exchange)) {
    if (auto settings = h2c_offer(exchange)) {
      co_await serve_h2c(connection, std::move(exchange.request), std::move(*settings));
      break;
    }
    co_await serve_request(exchange);
    const bool kept = co_await settle_connection(exchange);
    if (!kept) break;
    exchange.end();
  }
}

}  // namespace epaulet::path

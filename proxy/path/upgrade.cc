#include "path/upgrade.h"

#include "path/tunnel.h"

namespace epaulet::path {

Task<Error> switch_protocols(Exchange& exchange, upstream::Lease& lease, Fork<Error>& upload) {
  const bool agreed = !exchange.request.upgrade.empty() && !exchange.response.upgrade.empty();
  if (!agreed || upload.running() || exchange.http1 == nullptr || lease.connection() == nullptr) {
    co_return Error(ErrorCode::response_malformed, Side::upstream, Stage::receive);
  }
  exchange.unwatch_downstream();
  auto& server = *exchange.http1;
  auto& upstream = *lease.connection();
  server.begin_response(exchange.request, exchange.response, false);
  exchange.committed = true;
  exchange.record.status = exchange.response.status;
  const http::Chunk end({}, true);
  const auto sent = co_await server.writer().push(end, *exchange.scope);
  if (!sent) co_return sent.error();
  server.body().finish();
  upstream.http.finish();
  // The request's deadline was for the answer, which has come; the tunnel lives as long as its
  // ends.
  exchange.scope->clear_deadline();
  const auto relayed =
      co_await relay(exchange.connection.stream(), server.reader(), upstream.http.stream(),
                     upstream.http.reader(), exchange.connection.scope);
  exchange.record.request_bytes = relayed.upstream_bytes;
  exchange.record.response_bytes = relayed.downstream_bytes;
  upstream.http.mark_half_closed();
  co_return relayed.error;
}

}  // namespace epaulet::path

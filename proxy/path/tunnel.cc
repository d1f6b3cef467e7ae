#include "path/tunnel.h"

#include <array>

#include "io/ops.h"
#include "path/tracing.h"
#include "resilience/idle_timer.h"
#include "runtime/fork.h"

namespace epaulet::path {
namespace {

/// One direction. Ends the other one through the scope if it fails.
Task<Result<void>> pump(StreamReader& from, ByteStream& to, Side from_side, std::uint64_t& bytes,
                        resilience::IdleTimer& idle, Scope& scope) {
  const Side to_side = from_side == Side::downstream ? Side::upstream : Side::downstream;
  const auto fail = [&scope](Error error, Side side, Stage stage) {
    if (error.code == ErrorCode::upstream_reset && side == Side::downstream)
      error.code = ErrorCode::downstream_reset;
    error.side = side;
    error.stage = stage;
    error.retry = Retry::never;
    scope.cancel(error);
    return error;
  };
  for (unsigned chunks = 1;; ++chunks) {
    if (from.buffered().empty()) {
      if (from.at_end()) break;
      const auto filled = co_await from.fill(scope);
      if (!filled) co_return fail(filled.error(), from_side, Stage::relay);
      if (*filled == 0) break;
      idle.touch();
    }
    const std::array<ConstBytes, 1> piece{from.buffered()};
    from.hold();
    const auto written = co_await write_all(to, piece, scope);
    if (!written) co_return fail(written.error(), to_side, Stage::relay);
    idle.touch();
    bytes += piece[0].size();
    from.consume(piece[0].size());
    if (chunks % limits::kChunksPerTurn == 0) co_await next_turn(scope.loop());
  }
  const auto ended = co_await write_end(to, scope);
  if (!ended) co_return fail(ended.error(), to_side, Stage::relay);
  co_return Result<void>();
}

}  // namespace

Task<Relayed> relay(ByteStream& downstream, StreamReader& from_downstream, ByteStream& upstream,
                    StreamReader& from_upstream, Scope& parent, Duration idle) {
  Relayed relayed;
  Scope scope(parent);
  resilience::IdleTimer timer(scope);
  timer.start(idle, kStreamIdle);
  Fork<Result<void>> up;
  up.start(pump(from_downstream, upstream, Side::downstream, relayed.upstream_bytes, timer, scope));
  (void)co_await pump(from_upstream, downstream, Side::upstream, relayed.downstream_bytes, timer,
                      scope);
  (void)co_await up.join();
  timer.stop();
  if (scope.cancelled()) {
    relayed.error = *scope.cancelled();
    downstream.reset();
    upstream.reset();
  }
  co_return relayed;
}

Task<void> tunnel(Connection& connection, RawUpstream upstream) {
  auto& record = connection.record();
  telemetry::InFlight::Entry in_flight;
  note_in_flight(connection, in_flight);
  if (connection.inbound() && upstream.backend == Destination::kNone) {
    // The caller was reported by secure(); the app has no identity.
  } else if (upstream.peer != 0) {
    connection.peer_id = upstream.peer;
    connection.mesh_tls = true;
  }
  if (upstream.budget != nullptr) upstream.budget->first_attempt(connection.now());
  resilience::IdleTimer longest(connection.scope);
  longest.start(upstream.max_duration, kDurationExceeded);
  const upstream::TrustWatch::Use trust(connection.worker.trust_watch, connection.scope,
                                        upstream.rests_on);
  const auto relayed = co_await relay(connection.stream(), connection.reader(), *upstream.stream,
                                      *upstream.reader, connection.scope, Duration::zero());
  record.bytes_received = relayed.upstream_bytes;
  record.bytes_sent = relayed.downstream_bytes;
  connection.report(relayed.error, telemetry::ConnectionRecord::Kind::tunnel);
}

}  // namespace epaulet::path

#include "path/goodbye.h"

#include "upstream/offence.h"

namespace epaulet::path {
namespace {

constexpr std::chrono::seconds kFarewell{1};

}  // namespace

void Goodbye::watch_drain() {
  if (!connection_.inbound()) return;
  auto& idle = connection_.worker.inbound_idle;
  if (idle.cancelled()) return say();
  idle.add(*this);
}

bool Goodbye::must_leave() const {
  const Worker& worker = connection_.worker;
  return worker.draining ||
         (connection_.mesh_tls && connection_.trust != worker.tls.trust_generation());
}

void Goodbye::say() {
  if (std::exchange(said_, true)) return;
  mux_.session().shut_down(false);
  mux_.kick();
  connection_.worker.loop.timers().arm(farewell_, connection_.now() + kFarewell);
}

void Goodbye::say_farewell() {
  mux_.session().shut_down(true);
  mux_.kick();
}

void Goodbye::rest() {
  const auto keep_alive = connection_.worker.view->snapshot().inbound_timeouts.keep_alive;
  connection_.worker.loop.timers().arm(idle_, connection_.now() + keep_alive);
}

void Goodbye::stop() {
  Cancellable::unlink();
  idle_.disarm();
  farewell_.disarm();
}

void report_offence(Connection& connection, const http::http2::Session& session) {
  Error why(ErrorCode::http2_protocol_error, Side::downstream, Stage::parse);
  const auto& cut = connection.scope.cancelled();
  if (const auto offence = session.offence(); offence != http::http2::Offence::none) {
    connection.worker.telemetry.count(upstream::counter_of(offence));
    why.note = telemetry::intern(session.violation());
  } else if (cut && cut->code == ErrorCode::head_timeout) {
    connection.worker.telemetry.count(telemetry::Counter::http2_slow_heads);
    why = *cut;
  } else {
    return;
  }
  connection.report(why, telemetry::ConnectionRecord::Kind::refused);
}

}  // namespace epaulet::path

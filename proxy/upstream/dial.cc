#include "upstream/dial.h"

#include <algorithm>

#include "base/last_part.h"
#include "upstream/handshake_counter.h"

namespace epaulet::upstream {
namespace {

using telemetry::Counter;
using telemetry::Event;

Error upstream_error(Error error, Stage stage) {
  error.side = Side::upstream;
  error.retry = Retry::safe;
  if (error.stage == Stage::none) error.stage = stage;
  return error;
}

std::uint32_t microseconds(std::chrono::nanoseconds duration) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

constexpr std::chrono::seconds kRefusalMax{1};

}  // namespace

Task<Result<Dialled>> dial(Dialer& dialer, MeshTls& tls, telemetry::Telemetry& telemetry,
                           telemetry::Trace& trace, DialPlan plan, Scope& scope) {
  Loop& loop = scope.loop();
  const auto begin = loop.now();
  telemetry.count(Counter::upstream_dials);
  auto stream = co_await dialer.dial(plan.to, scope);
  if (!stream) {
    telemetry.count(Counter::upstream_dials_failed);
    co_return upstream_error(stream.error(), Stage::connect);
  }
  trace.add(loop.now(), Stage::connect, Event::connected, microseconds(loop.now() - begin));
  Dialled dialled;
  if (!plan.mesh) {
    dialled.stream = std::move(*stream);
    co_return dialled;
  }
  auto secured = co_await tls.connect(std::move(*stream), *plan.identities, plan.server_name,
                                      plan.protocol, scope);
  if (!secured) {
    telemetry.count(counter_of(handshake_failure(secured.error())));
    trace.add(loop.now(), Stage::tls, Event::upstream_tls_failed, secured.error().note);
    co_return upstream_error(secured.error(), Stage::tls);
  }
  telemetry.count(secured->resumed ? Counter::handshakes_outbound_resumed
                                   : Counter::handshakes_outbound);
  trace.add(loop.now(), Stage::tls, Event::upstream_tls_done, secured->peer_id,
            secured->resumed ? 1 : 0);
  dialled.stream = std::move(secured->stream);
  dialled.peer = secured->peer_id;
  dialled.trust = tls.trust_generation();
  dialled.protocol = secured->protocol;
  const auto left = secured->not_after - loop.wall_now();
  dialled.rests_on.usable_until = loop.now() + (left - last_part(left));
  // If our own leaf has ended, the peer says so behind the handshake, and its word explains more.
  dialled.rests_on.ends = loop.now() + std::max<std::chrono::nanoseconds>(left, kRefusalMax);
  dialled.rests_on.authority = secured->authority;
  co_return dialled;
}

}  // namespace epaulet::upstream

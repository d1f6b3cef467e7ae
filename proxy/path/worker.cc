#include "path/worker.h"

#include <algorithm>

#include "path/connection.h"
#include "path/health_checks.h"

namespace epaulet::path {
namespace {

const Error kDraining{ErrorCode::draining, Side::self, Stage::shutdown};

}  // namespace

Worker::Worker(Loop& loop_, Dialer& dialer_, upstream::MeshTls& tls_,
               telemetry::Telemetry& telemetry_, Shared& shared_, SnapshotPtr snapshot)
    : loop(loop_),
      dialer(dialer_),
      tls(tls_),
      telemetry(telemetry_),
      shared(shared_),
      root(loop_),
      inbound_idle(root),
      trust_watch(loop_),
      view(new View(std::move(snapshot), loop_.random())),
      dial_gate(loop_, limits::kDialsAtOnceMax),
      shared_dial_gate(loop_, 1),
      shared_pool(shared_dial_gate, pool),
      pool(loop_, telemetry_) {}

Worker::~Worker() = default;

void Worker::check_health() {
  health_checks = std::make_unique<HealthChecks>(*this);
}

void Worker::begin_drain() {
  draining = true;
}

void Worker::set_snapshot(SnapshotPtr snapshot) {
  const bool is_busy = upcoming.is_being_made();
  upcoming.begin(std::move(snapshot), loop.random(), told_zone);
  if (!is_busy) make_upcoming_view();
}

void Worker::make_upcoming_view() {
  const auto go_on = [this] { loop.post([this] { make_upcoming_view(); }); };
  if (!upcoming.make_some(*view, loop.now())) return go_on();
  auto made = upcoming.take(loop.random(), told_zone);
  view = std::move(made.view);
  // Of connections beyond a limit that is lower now, the idle ones end.
  for (const auto& backend : view->snapshot().backends) {
    // Other workers do the same.
    for (auto most = backend.limit->excess();
         most > 0 && backend.limit->excess() > 0 && make_room(backend.name); --most) {
    }
  }
  for (const auto& [backend, set] : made.told) close_departed(backend, *set);
  if (health_checks) health_checks->follow();
  if (upcoming.is_being_made()) go_on();
}

void Worker::set_endpoints(const std::string& backend, const EndpointSetPtr& set) {
  if (upcoming.keep(backend, set)) return;
  view->set_endpoints(backend, set, loop.now(), *view);
  close_departed(backend, *set);
  if (health_checks) health_checks->follow(backend);
}

/// An address that has left may belong to somebody else tomorrow.
void Worker::close_departed(const std::string& backend, const EndpointSet& set) {
  const auto id = telemetry::intern(backend);
  const auto shape = view->shape_of(backend);
  const auto has_left = [&](const upstream::PoolKey& key) {
    if (key.backend != id) return false;
    const auto is_it = [&](const Endpoint& endpoint) {
      // By the same address somebody else may be reached now.
      const bool is_somebody_else =
          endpoint.identity != nullptr && key.shape != (shape ^ endpoint.identity->key);
      return endpoint.address == key.address && !is_somebody_else;
    };
    return std::none_of(set.endpoints.begin(), set.endpoints.end(), is_it);
  };
  pool.close_if(has_left);
  shared_pool.retire_if(has_left);
}

void Worker::set_zone(std::string zone) {
  told_zone = std::move(zone);
  view->set_zone(told_zone);
  upcoming.set_zone(told_zone);
}

void Worker::trust_changed() {
  // Idle inbound connections are not ended here: the caller's next request may be on its way, and
  // only an answer that says close can take the connection from it without losing one.
  const auto trust = tls.trust_generation();
  const auto is_old = [trust](const upstream::PoolKey& key) {
    return key.trust != 0 && key.trust != trust;
  };
  pool.close_if(is_old);
  shared_pool.retire_if(is_old);
  const auto end = loop.now() + view->snapshot().settings.drain.timeout;
  trust_watch.bundle_changed([this](const Sha256& authority) { return tls.trusts(authority); },
                             end);
  connections.for_each([&](Connection& connection) {
    const auto ends = connection.scope.deadline();
    const bool ends_before =
        ends && *ends <= end;  // With its leaf, or for a root that left before.
    if (connection.inbound() && connection.mesh_tls && !ends_before &&
        !tls.trusts(connection.authority)) {
      connection.scope.set_deadline(end,
                                    {ErrorCode::tls_peer_untrusted, Side::downstream, Stage::tls});
    }
  });
}

void Worker::end_idle_inbound() {
  if (health_checks) health_checks->stop();
  inbound_idle.cancel(kDraining);
}

}  // namespace epaulet::path

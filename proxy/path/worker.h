#pragma once

#include <functional>
#include <memory>
#include <string>

#include "accept/loop_guard.h"
#include "discovery/endpoint_set.h"
#include "io/dialer.h"
#include "path/upcoming_view.h"
#include "path/view.h"
#include "policy/token_cache.h"
#include "runtime/scope.h"
#include "telemetry/in_flight.h"
#include "telemetry/telemetry.h"
#include "upstream/dial_gate.h"
#include "upstream/mesh_tls.h"
#include "upstream/pool.h"
#include "upstream/shared_connection.h"

namespace epaulet::path {

/// What all workers share beside snapshots.
struct Shared {
  LoopGuard guard;
  std::atomic<std::uint32_t> connections{0};  ///< Served now, for limits.downstream.
  telemetry::InFlight in_flight;              ///< With `tracing.otlp` and `join`.
  std::uint64_t pod_key = 0;                ///< For `balance.by.source`: session_hash() of the pod.
  resilience::ResendAllowance app_resends;  ///< Of the inbound hop.
  resilience::ResendAllowance copy_resends;  ///< Of copies to mirrors.
  /// Asks the other workers to close an idle connection of this backend.
  std::function<void(const struct Worker* asker, telemetry::StringId backend)> release_idle;
};

class HealthChecks;

/// One thread's share of the data path: everything a connection needs, nothing that another worker
/// touches.
struct Worker {
  Worker(Loop& loop_, Dialer& dialer_, upstream::MeshTls& tls_, telemetry::Telemetry& telemetry_,
         Shared& shared_, SnapshotPtr snapshot);
  ~Worker();

  /// From now on this worker checks the health of endpoints, for all of them.
  void check_health();
  /// New configuration: connections and requests that run keep the old one. With very many
  /// backends it is in force some turns later.
  void set_snapshot(SnapshotPtr snapshot);
  void set_endpoints(const std::string& backend, const EndpointSetPtr& set);
  /// We run in this zone, unless the settings say another.
  void set_zone(std::string zone);
  /// The trust has changed: idle connections to upstreams made under the old one are closed, those
  /// that came in serve one more exchange; under a root that has left, until `drain.timeout` at
  /// most.
  void trust_changed();

  /// Closes an idle connection of this backend, of either version; false if there is none here.
  bool make_room(telemetry::StringId backend) {
    return pool.close_one(backend) || shared_pool.retire_idle(backend);
  }

  /// Of an HTTP/2 connection, whichever side it is.
  [[nodiscard]] http::http2::SessionLimits session_limits(const Snapshot& snapshot) {
    auto limits = snapshot.session_limits();
    limits.unread_total = &unread;
    return limits;
  }

  /// Inbound responses say close from now on. Outbound goes on for as long as the app.
  void begin_drain();
  /// The app has gone, or soon will: inbound connections between requests end, and endpoints are
  /// no longer checked.
  void end_idle_inbound();
  /// Cuts what is left.
  void cut(const Error& why) { root.cancel(why); }

  Loop& loop;
  Dialer& dialer;
  upstream::MeshTls& tls;
  telemetry::Telemetry& telemetry;
  Shared& shared;
  http::http2::UnreadTotal unread;  ///< Outlives all connections.
  Scope root;                       ///< Of all connections.
  Scope inbound_idle;               ///< Of inbound connections between requests.
  bool draining = false;
  std::string told_zone;         ///< "": nobody has told.
  TimePoint next_mirror_line{};  ///< When the log may tell of another one that differs.
  std::size_t inbound_connections = 0;
  std::size_t outbound_connections = 0;
  IntrusiveList<class Connection> connections;  ///< All that are served.
  upstream::TrustWatch trust_watch;             ///< Over all that use a connection upstream.
  ViewPtr view;
  UpcomingView upcoming;
  TokenCache tokens;
  upstream::DialGate dial_gate;
  upstream::DialGate shared_dial_gate;  ///< One at a time: who waits will find its connection.
  upstream::SharedPool shared_pool;     ///< HTTP/2.
  upstream::Pool pool;                  ///< Goes first: some of its connections are streams.
  std::unique_ptr<HealthChecks> health_checks;  ///< Of one worker.

 private:
  void make_upcoming_view();
  void close_departed(const std::string& backend, const EndpointSet& set);
};

}  // namespace epaulet::path

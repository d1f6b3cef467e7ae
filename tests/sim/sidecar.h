#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fake_mesh_tls.h"
#include "path/accept_loop.h"
#include "path/drain.h"
#include "path/worker.h"
#include "recording_telemetry.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet::sim {

/// A worker of a sidecar with what it runs on.
struct SimWorker {
  SimWorker(test::Simulation& simulation, test::MemoryNetwork& network, IpAddress pod,
            std::unique_ptr<FakeMeshTls> mesh_tls, path::Shared& shared,
            path::SnapshotPtr snapshot);

  void listen(test::MemoryNetwork& network, SocketAddress address, path::Entry entry);
  /// Inbound and outbound accepting end as at a drain: with what waits in the queue.
  void stop_inbound() { accepting_inbound.cancel(kDraining); }
  void stop_accepting() {
    stop_inbound();
    accepting_outbound.cancel(kDraining);
  }

  test::SimLoop& loop;
  RecordingTelemetry telemetry;
  std::unique_ptr<Dialer> dialer;
  std::unique_ptr<FakeMeshTls> tls;
  path::Worker worker;
  Scope accepting_inbound;
  Scope accepting_outbound;
  std::vector<std::unique_ptr<Listener>> listeners;

 private:
  Task<void> accept_from(std::size_t listener, path::Entry entry);
  static const Error kDraining;
};

/// A pod's sidecar: real path/ code on simulated loops.
class Sidecar final : private path::DrainedWorkers {
 public:
  using MakeTls = std::function<std::unique_ptr<FakeMeshTls>()>;
  Sidecar(test::Simulation& simulation, test::MemoryNetwork& network, IpAddress pod,
          const std::string& yaml, unsigned workers, const MakeTls& make_tls);

  /// A new configuration for all workers, as a reload brings it; each takes it at its own turn.
  void reload(const std::string& yaml);
  /// Every endpoint that the settings list, published to all workers.
  void publish_endpoints();
  void publish(const std::string& backend, std::vector<SocketAddress> addresses, bool ever = true);
  /// The same, each worker at its own turn.
  void post_endpoints(const std::string& backend, const std::vector<SocketAddress>& addresses);
  /// Other roots. `root_leaves`: peers known by the old ones are no longer trusted.
  void change_trust(bool root_leaves);
  void stop_accepting() override;
  /// Of the health of endpoints.
  void stop_checks();
  /// What the process does after SIGTERM, from now on.
  Task<void> drain(Loop& control, std::chrono::nanoseconds grace, std::chrono::nanoseconds timeout);
  /// Nothing: it does not drain.
  [[nodiscard]] std::optional<TimePoint> inbound_until() const { return inbound_until_; }
  [[nodiscard]] std::optional<TimePoint> drained_at() const { return drained_at_; }
  /// Connections that are served, those of the app included.
  [[nodiscard]] std::size_t connections_open() const;

  [[nodiscard]] std::vector<telemetry::ExchangeRecord> exchanges() const;
  [[nodiscard]] std::vector<telemetry::ConnectionRecord> connections() const;
  [[nodiscard]] std::uint64_t counted(telemetry::Counter counter) const;
  [[nodiscard]] std::int64_t gauge(telemetry::Gauge gauge) const;
  /// Permits in use of all connection limits that reloads have brought, and idle pooled connections
  /// of all workers.
  [[nodiscard]] std::uint32_t permits() const;
  [[nodiscard]] std::size_t pooled() const;
  /// Connections that have a permit and no exchange, provided that there is no exchange at all.
  [[nodiscard]] std::size_t resting() const;
  /// What balancers take to be under way, to the endpoints that are known now.
  [[nodiscard]] std::size_t under_way() const;
  [[nodiscard]] std::size_t spawned() const;
  [[nodiscard]] std::size_t timers() const;
  /// Those of earlier reloads that somebody still holds.
  [[nodiscard]] std::size_t old_snapshots() const;
  /// Requests that the app is asked now, where `concurrency` counts them.
  [[nodiscard]] std::uint32_t places() const;
  /// As if the answers to all routes with `hedge` had taken so long until now.
  void remember_answers(std::chrono::nanoseconds took);

  path::Shared shared;
  std::vector<std::unique_ptr<SimWorker>> workers;

 private:
  void drain_inbound() override;
  void refresh() override {}
  [[nodiscard]] bool busy() const override { return connections_open() > 0; }
  void on_every_worker(void (*job)(SimWorker&));
  [[nodiscard]] path::SnapshotPtr build(const std::string& yaml);

  resilience::StateTable states_;
  std::uint64_t version_ = 0;
  std::optional<TimePoint> inbound_until_;
  std::optional<TimePoint> drained_at_;
  path::SnapshotPtr snapshot_;
  std::vector<std::weak_ptr<const path::Snapshot>> snapshots_;
  using WeakLimit = std::weak_ptr<resilience::ConnectionLimit>;
  std::set<WeakLimit, std::owner_less<WeakLimit>> limits_;  // Reloads replace them.
};

}  // namespace epaulet::sim

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app.h"
#include "client.h"
#include "fake_mesh_tls.h"
#include "path/accept_loop.h"
#include "path/worker.h"
#include "recording_telemetry.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet::sim {

/// How the two sidecars protect what is between them.
enum class MeshKind { plain, fake_tls };

struct MeshOptions {
  std::uint64_t seed = 1;
  test::NetworkConditions network;
  MeshKind mesh = MeshKind::fake_tls;       ///< Plaintext sidecars tell each other no reasons.
  unsigned workers = 1;                     ///< Of each sidecar.
  std::string endpoints = "10.0.0.2:8080";  ///< Of api2.default.
  std::string service;   ///< Keys under `services.api2.default`, each line indented by 4.
  std::string services;  ///< More of them, each line indented by 2.
  std::string calling;   ///< Top level keys of the calling pod.
  std::string serving;   ///< Top level keys of the serving pod.
  std::string port = "8080: { tls: permissive }";  ///< Under `workload.ports` of the serving pod.
  std::string access = "[ { name: all, allow: [anyone] } ]";
};

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
class Sidecar {
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
  void stop_accepting();
  /// What the process does after SIGTERM, from now on. server/drain.cc
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
  [[nodiscard]] std::size_t spawned() const;
  [[nodiscard]] std::size_t timers() const;
  /// Those of earlier reloads that somebody still holds.
  [[nodiscard]] std::size_t old_snapshots() const;

  path::Shared shared;
  std::vector<std::unique_ptr<SimWorker>> workers;

 private:
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

/// Two pods on one memory network: `client` beside sidecar `api` dials api2.default, whose pod has
/// sidecar `api2` and the `app`.
class Mesh {
 public:
  explicit Mesh(const MeshOptions& options = {});
  ~Mesh();

  /// Adds an exchange to the ledger; the number is given.
  int add(RequestScript request, AnswerScript answer = {});
  /// Starts a connection of the client to the service.
  void call(std::vector<int> ids, bool pipelined = false,
            std::chrono::nanoseconds start = std::chrono::nanoseconds(0)) {
    call_port(80, std::move(ids), {pipelined, start});
  }
  /// The same at another port of the service: 81 is `auto`.
  void call_port(std::uint16_t port, std::vector<int> ids, Manner manner);
  /// The same from outside, to the pod of the app.
  void call_from_outside(std::vector<int> ids, Manner manner = {});
  /// Does this after so long, beside the exchanges.
  void after(std::chrono::nanoseconds time, std::function<void()> what);
  /// Begins to drain one of the sidecars after so long.
  void drain(Sidecar& sidecar, std::chrono::nanoseconds begin, std::chrono::nanoseconds grace,
             std::chrono::nanoseconds timeout);
  /// Runs until the clients have gone; false if they have not within the limit.
  bool run(std::chrono::nanoseconds limit = std::chrono::hours(2));
  /// Runs for so long.
  void pass(std::chrono::nanoseconds time);
  /// Runs until nothing is left to do, idle connections have been closed and accepting has ended.
  /// Then says what was leaked, one sentence each.
  [[nodiscard]] std::vector<std::string> end();
  /// The same as an expectation that nothing was.
  void wind_down();

  [[nodiscard]] static std::string calling_yaml(const MeshOptions& options);
  [[nodiscard]] static std::string serving_yaml(const MeshOptions& options);
  [[nodiscard]] Exchanged& operator[](int id) { return ledger.at(id); }

  /// For a failing test: what happened to the exchange, as a person reads it.
  [[nodiscard]] std::string story(int id) const;

  static const IpAddress kCaller;
  static const IpAddress kServer;
  static const IpAddress kOutsider;
  static const SocketAddress kService;  ///< The virtual address of api2.default:80.
  static const SocketAddress kApp;
  static const SocketAddress kMail;       ///< The virtual address of mail.default:25.
  static const SocketAddress kGreeter;    ///< Which serves it, in the same pod as the app.
  static const SocketAddress kSecondApp;  ///< On the same pod.

  MeshOptions options;
  test::Simulation simulation;
  test::SimLoop& app_loop;
  test::SimLoop& client_loop;
  test::MemoryNetwork network;
  Ledger ledger;
  Sidecar api;
  Sidecar api2;
  App app;
  App second_app;
  Greeter greeter;
  Client client;
  Client outsider;

 private:
  [[nodiscard]] Sidecar::MakeTls tls_of(const char* identity);
  int next_id_ = 1;
  std::size_t frames_at_rest_ = 0;  ///< Of coroutines that accept.
  std::size_t streams_before_ = 0;
  bool drains_end_ = true;
};

}  // namespace epaulet::sim

#pragma once

#include <deque>
#include <memory>

#include "config/loader.h"
#include "tests/fuzz/support/connection_actor.h"
#include "tests/fuzz/support/naive_connection.h"
#include "tests/sim/mesh.h"

/// One connection through one sidecar, with the real path/ code, in simulation.
namespace epaulet::fuzz {

inline constexpr const char* kCallerIdentity = "spiffe://cluster.local/ns/default/sa/api";
inline constexpr const char* kOurIdentity = "spiffe://cluster.local/ns/default/sa/api2";

inline bool is_inbound(Way way) {
  return way == Way::inbound || way == Way::inbound_mesh;
}

inline std::string outbound_yaml(unsigned configuration) {
  std::string yaml =
      "services:\n"
      "  api2.default:\n"
      "    ports: { 80: http, 81: auto }\n"
      "    endpoints: { addresses: [10.0.0.2:8080] }\n"
      "    tls: { mode: none }\n";
  if ((configuration & 1) != 0) {
    yaml +=
        "    timeouts: { attempt: 3s }\n"
        "    retries: { max: 2, statuses: [503], backoff: { initial: 10ms } }\n";
  }
  if ((configuration & 2) != 0) yaml += "    limits: { connections: 1, pending: 1 }\n";
  return yaml;
}

inline std::string inbound_yaml(unsigned configuration) {
  std::string yaml = "workload: { service: api2.default, ports: { 8080: { tls: permissive";
  yaml += (configuration & 1) != 0 ? ", protocol: http } } }\n" : " } } }\n";
  yaml +=
      (configuration & 2) != 0
          ? "access: [ { name: open, paths: [/open/**], methods: [GET, POST], allow: [anyone] },"
            " { name: closed, allow: [authenticated] } ]\n"
          : "access: [ { name: all, allow: [anyone] } ]\n";
  return yaml;
}

inline const Settings& settings_of(Way way, unsigned configuration) {
  static std::array<std::unique_ptr<Settings>, 8> all;
  auto& settings = all[configuration + (is_inbound(way) ? 4 : 0)];
  if (!settings) {
    std::string yaml =
        "identity: { dir: /identity }\n"
        "timeouts: { request: 10s, idle: 5s, keep_alive: 20s, head: 5s, detect: 2s }\n";
    if ((configuration & 2) != 0) yaml += "limits: { head: 4KiB }\n";
    yaml += is_inbound(way) ? inbound_yaml(configuration) : outbound_yaml(configuration);
    auto loaded = load_settings("fuzz.yaml", yaml, "");
    if (!loaded.ok()) std::fprintf(stderr, "%s\n", loaded.format().c_str());
    EPAULET_ASSERT(loaded.ok());
    settings = std::make_unique<Settings>(std::move(*loaded.settings));
  }
  return *settings;
}

class World {
 public:
  explicit World(const Script& script)
      : script_(script),
        simulation_(script.seed),
        app_loop_(simulation_.add_loop()),
        caller_loop_(simulation_.add_loop()),
        network_(Random(script.seed + 7919)),
        snapshot_(build()),
        // What a sidecar's process does beside: no system calls in a simulation.
        shared_{LoopGuard([](const IpAddress&) { return false; }), {}, {}, 0, {}, {}, {}},
        sidecar_(simulation_, network_, pod(), std::make_unique<sim::FakeMeshTls>(kOurIdentity),
                 shared_, snapshot_),
        hold_(caller_loop_),
        app_scope_(app_loop_),
        dialer_(network_.dialer(caller_loop_, sim::Mesh::kCaller)),
        acceptor_(network_.listen(app_loop_, sim::Mesh::kApp), [this](StreamPtr stream) {
          app_loop_.spawn(serve(std::move(stream), app.size()));
        }) {
    network_.conditions.read_max = script.read_max;
    network_.conditions.capacity = script.capacity;
    if (is_inbound(script.way)) {
      network_.divert_inbound(pod(), {pod(), 15006});
    } else {
      network_.divert_outbound(pod(), {pod(), 15001});
    }
    const auto set = std::make_shared<EndpointSet>();
    set->backend = "api2.default";
    set->ever_had_endpoint = true;
    set->endpoints.push_back({sim::Mesh::kApp});
    sidecar_.worker.set_endpoints(set->backend, set);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { simulation_.end_tasks(); }

  /// The whole life of the connection. Whether it ended before the caller had to leave.
  [[nodiscard]] bool run(std::chrono::nanoseconds limit) {
    caller_loop_.spawn(call());
    const auto over = [this] { return caller_left_; };
    const bool ended = simulation_.run_until(over, limit);
    hold_.cancel({ErrorCode::cancelled, Side::self, Stage::none});
    (void)simulation_.run(std::chrono::minutes(30));
    return ended;
  }

  /// Then: what is still there, in words; nullptr if nothing is.
  [[nodiscard]] const char* left_over() {
    const auto& telemetry = sidecar_.telemetry;
    if (!caller_left_) return "the caller's connection never ended";
    for (const auto& backend : snapshot_->backends) {
      if (backend.limit->in_use() != 0) return "a permit is kept";
    }
    if (sidecar_.worker.shared_pool.idle() != 0) return "a shared connection is kept";
    if (sidecar_.worker.pool.idle() != 0) return "a pooled connection is kept";
    if (simulation_.timers() != 0) return "a timer is kept";
    if (telemetry.gauge(telemetry::Gauge::exchanges_active) != 0)
      return "an exchange has not ended";
    if (shared_.connections.load() != 0) return "a connection has not ended";
    if (telemetry.gauge(telemetry::Gauge::upstream_active) != 0 ||
        telemetry.gauge(telemetry::Gauge::upstream_idle) != 0) {
      return "an upstream connection has not ended";
    }
    sidecar_.stop_accepting();
    app_scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
    (void)simulation_.run(std::chrono::minutes(1));
    if (sidecar_.loop.spawned_tasks() != 0) return "a task of the sidecar has not ended";
    if (Block::in_use() != 0) return "a buffer is kept";
    return nullptr;
  }

  [[nodiscard]] const auto& exchanges() const { return sidecar_.telemetry.exchanges; }
  [[nodiscard]] const auto& connections() const { return sidecar_.telemetry.connections; }

  Party caller;
  std::deque<Party> app;  ///< By connection.

 private:
  [[nodiscard]] IpAddress pod() const {
    return is_inbound(script_.way) ? sim::Mesh::kServer : sim::Mesh::kCaller;
  }
  [[nodiscard]] path::SnapshotPtr build() {
    const std::map<IpAddress, std::string> addresses{{sim::Mesh::kService.ip, "api2.default"}};
    return path::Snapshot::build(settings_of(script_.way, script_.configuration), 1, {}, addresses,
                                 states_);
  }
  [[nodiscard]] SocketAddress destination() const {
    if (is_inbound(script_.way)) return sim::Mesh::kApp;
    return {sim::Mesh::kService.ip,
            static_cast<std::uint16_t>(script_.way == Way::outbound_http ? 80 : 81)};
  }

  Task<void> call() {
    auto dialled = co_await dialer_->dial(destination(), hold_);
    if (dialled) {
      std::function<std::size_t()> answers = [this] { return final_answers(); };
      Actor actor(std::move(*dialled), caller, hold_, std::move(answers));
      if (script_.way == Way::inbound_mesh) {
        const auto spoken =
            script_.http2 ? detect::MeshProtocol::http2 : detect::MeshProtocol::http1;
        const auto told = (script_.configuration & 1) != 0 ? spoken : detect::MeshProtocol::any;
        std::string hello = sim::client_hello("api2.default", {detect::token_of(told)});
        hello += std::string(kCallerIdentity) + "\n";
        co_await actor.say(std::move(hello));
        caller.said.clear();
      }
      co_await actor.live(script_.caller);
    }
    caller_left_ = true;
  }

  Task<void> serve(StreamPtr stream, std::size_t number) {
    Party& side = app.emplace_back();
    std::function<std::size_t()> requests = [&side] {
      const auto parts = naive::requests_of(side.heard);
      return static_cast<std::size_t>(std::count_if(
          parts.begin(), parts.end(), [](const auto& part) { return part.complete(); }));
    };
    Actor actor(std::move(stream), side, app_scope_, std::move(requests));
    co_await actor.live(script_.app[std::min(number, script_.app.size() - 1)]);
  }

  [[nodiscard]] std::size_t final_answers() const {
    std::size_t at = script_.way == Way::inbound_mesh ? caller.heard.find('\n') : 0;
    if (at == std::string::npos) return 0;
    if (script_.way == Way::inbound_mesh) ++at;
    std::size_t finals = 0;
    for (const auto& request : naive::requests_of(caller.said)) {
      for (;;) {
        const auto part =
            naive::response_at(caller.heard, at, http::method_of(request.method()), caller.ended);
        if (!part || !part->complete()) return finals;
        at = part->behind;
        if (!part->informational()) break;
      }
      ++finals;
    }
    return finals;
  }

  const Script& script_;
  test::Simulation simulation_;
  test::SimLoop& app_loop_;
  test::SimLoop& caller_loop_;
  test::MemoryNetwork network_;
  resilience::StateTable states_;
  path::SnapshotPtr snapshot_;
  path::Shared shared_;
  sim::SimWorker sidecar_;
  Scope hold_;  ///< The caller's patience.
  Scope app_scope_;
  std::unique_ptr<Dialer> dialer_;
  sim::Acceptor acceptor_;
  bool caller_left_ = false;
};

}  // namespace epaulet::fuzz

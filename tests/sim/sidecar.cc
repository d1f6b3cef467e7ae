#include "sidecar.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "config/loader.h"
#include "mesh.h"
#include "path/health_checks.h"

namespace epaulet::sim {
namespace {

constexpr std::uint16_t kOutboundPort = 15001;
constexpr std::uint16_t kInboundPort = 15006;
constexpr std::uint16_t kDirectPort = 15008;

/// As real sources make them: in order, and each newer than the one before.
EndpointSetPtr make_set(const std::string& backend, std::uint64_t version,
                        std::vector<Endpoint> endpoints, bool ever) {
  auto set = std::make_shared<EndpointSet>();
  set->backend = backend;
  set->version = version;
  set->ever_had_endpoint = ever;
  set->endpoints = std::move(endpoints);
  std::sort(set->endpoints.begin(), set->endpoints.end());
  return set;
}

/// Every endpoint that the settings list.
EndpointSetPtr make_set(const std::string& backend, std::uint64_t version,
                        const EndpointsSettings& settings) {
  std::vector<Endpoint> endpoints(settings.addresses.begin(), settings.addresses.end());
  for (const auto& [zone, listed] : settings.zones)
    for (const auto& address : listed.addresses) endpoints.push_back({address, 1, nullptr, zone});
  return make_set(backend, version, std::move(endpoints), true);
}

}  // namespace

const Error SimWorker::kDraining{ErrorCode::draining, Side::self, Stage::shutdown};

SimWorker::SimWorker(test::Simulation& simulation, test::MemoryNetwork& network, IpAddress pod,
                     std::unique_ptr<FakeMeshTls> mesh_tls, path::Shared& shared,
                     path::SnapshotPtr snapshot)
    : loop(simulation.add_loop()),
      dialer(network.exempt_dialer(loop, pod)),
      tls(std::move(mesh_tls)),
      worker(loop, *dialer, *tls, telemetry, shared, std::move(snapshot)),
      accepting_inbound(loop),
      accepting_outbound(loop) {
  listen(network, {pod, kOutboundPort}, path::Entry::outbound);
  listen(network, {pod, kInboundPort}, path::Entry::inbound);
  listen(network, {pod, kDirectPort}, path::Entry::direct);
}

void SimWorker::listen(test::MemoryNetwork& network, SocketAddress address, path::Entry entry) {
  listeners.push_back(network.listen(loop, address));
  loop.spawn(accept_from(listeners.size() - 1, entry));
}

Task<void> SimWorker::accept_from(std::size_t listener, path::Entry entry) {
  Scope& scope = entry == path::Entry::outbound ? accepting_outbound : accepting_inbound;
  co_await path::accept_loop(worker, *listeners[listener], entry, scope);
  listeners[listener].reset();  // From now on dials are refused.
}

Sidecar::Sidecar(test::Simulation& simulation, test::MemoryNetwork& network, IpAddress pod,
                 const std::string& yaml, unsigned count, const MakeTls& make_tls) {
  // No system calls in a simulation: every listener's address is known by itself.
  shared.guard = LoopGuard([](const IpAddress&) { return false; });
  for (const auto port : {kOutboundPort, kInboundPort, kDirectPort}) shared.guard.add({pod, port});
  shared.release_idle = [this](const path::Worker* asker, telemetry::StringId backend) {
    for (auto& other : workers) {
      if (&other->worker == asker) continue;
      path::Worker& worker = other->worker;
      other->loop.post([&worker, backend] { (void)worker.make_room(backend); });
    }
  };
  snapshot_ = build(yaml);
  for (unsigned i = 0; i < count; ++i) {
    workers.push_back(
        std::make_unique<SimWorker>(simulation, network, pod, make_tls(), shared, snapshot_));
  }
  network.divert_outbound(pod, {pod, kOutboundPort});
  network.divert_inbound(pod, {pod, kInboundPort});
  publish_endpoints();
  workers.front()->worker.check_health();
}

void Sidecar::stop_checks() {
  path::Worker& worker = workers.front()->worker;
  if (worker.health_checks) worker.health_checks->stop();
}

path::SnapshotPtr Sidecar::build(const std::string& yaml) {
  auto loaded = load_settings("sim.yaml", yaml, "");
  if (!loaded.ok()) ADD_FAILURE() << loaded.format() << "\n" << yaml;
  EPAULET_ASSERT(loaded.ok());
  std::map<IpAddress, std::string> addresses{{Mesh::kService.ip, "api2.default"},
                                             {Mesh::kMail.ip, "mail.default"},
                                             {Mesh::kBare.ip, "bare.default"}};
  auto built =
      path::Snapshot::build(std::move(*loaded.settings), ++version_, {}, addresses, states_);
  for (const auto& backend : built->backends) limits_.insert(backend.limit);
  snapshots_.push_back(built);
  return built;
}

void Sidecar::reload(const std::string& yaml) {
  snapshot_ = build(yaml);
  states_.collect();
  const auto version = ++version_;
  for (auto& worker : workers) {
    path::Worker& target = worker->worker;
    worker->loop.post([&target, version, snapshot = snapshot_] {
      target.set_snapshot(snapshot);
      for (const auto& [name, backend] : snapshot->settings.backends) {
        if (target.view->find(name)) continue;
        target.set_endpoints(name, make_set(name, version, backend.endpoints));
      }
    });
  }
}

void Sidecar::publish_endpoints() {
  for (const auto& [name, backend] : snapshot_->settings.backends) {
    const auto set = make_set(name, ++version_, backend.endpoints);
    for (auto& worker : workers) worker->worker.set_endpoints(name, set);
  }
}

void Sidecar::publish(const std::string& backend, std::vector<SocketAddress> addresses, bool ever) {
  const auto set = make_set(backend, ++version_, {addresses.begin(), addresses.end()}, ever);
  for (auto& worker : workers) worker->worker.set_endpoints(backend, set);
}

void Sidecar::post_endpoints(const std::string& backend,
                             const std::vector<SocketAddress>& addresses) {
  const auto set = make_set(backend, ++version_, {addresses.begin(), addresses.end()}, true);
  for (auto& worker : workers) {
    path::Worker& target = worker->worker;
    worker->loop.post([&target, backend, set] { target.set_endpoints(backend, set); });
  }
}

void Sidecar::change_trust(bool root_leaves) {
  for (auto& worker : workers) {
    SimWorker& target = *worker;
    worker->loop.post([&target, root_leaves] {
      target.tls->change_trust(root_leaves);
      target.worker.trust_changed();
    });
  }
}

void Sidecar::stop_accepting() {
  on_every_worker([](SimWorker& worker) { worker.stop_accepting(); });
}

void Sidecar::on_every_worker(void (*job)(SimWorker&)) {
  for (auto& worker : workers) worker->loop.post([&target = *worker, job] { job(target); });
}

void Sidecar::drain_inbound() {
  on_every_worker([](SimWorker& worker) {
    worker.stop_inbound();
    worker.worker.end_idle_inbound();
  });
}

Task<void> Sidecar::drain(Loop& control, std::chrono::nanoseconds grace,
                          std::chrono::nanoseconds timeout) {
  Scope scope(control);
  inbound_until_ = control.now() + grace;
  on_every_worker([](SimWorker& worker) { worker.worker.begin_drain(); });
  (void)co_await path::drain_in_order(*this, scope, grace, timeout);
  on_every_worker([](SimWorker& worker) {
    worker.worker.cut({ErrorCode::drain_timeout, Side::self, Stage::shutdown});
  });
  drained_at_ = control.now();
}

std::size_t Sidecar::connections_open() const {
  std::size_t sum = 0;
  for (const auto& worker : workers) {
    sum += worker->worker.inbound_connections + worker->worker.outbound_connections;
  }
  return sum;
}

std::vector<telemetry::ExchangeRecord> Sidecar::exchanges() const {
  std::vector<telemetry::ExchangeRecord> all;
  for (const auto& worker : workers) {
    all.insert(all.end(), worker->telemetry.exchanges.begin(), worker->telemetry.exchanges.end());
  }
  return all;
}

std::vector<telemetry::ConnectionRecord> Sidecar::connections() const {
  std::vector<telemetry::ConnectionRecord> all;
  for (const auto& worker : workers) {
    all.insert(all.end(), worker->telemetry.connections.begin(),
               worker->telemetry.connections.end());
  }
  return all;
}

std::uint64_t Sidecar::counted(telemetry::Counter counter) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers) sum += worker->telemetry.counted(counter);
  return sum;
}

std::int64_t Sidecar::gauge(telemetry::Gauge gauge) const {
  std::int64_t sum = 0;
  for (const auto& worker : workers) sum += worker->telemetry.gauge(gauge);
  return sum;
}

std::uint32_t Sidecar::permits() const {
  std::uint32_t sum = 0;
  for (const auto& weak : limits_) {
    if (const auto limit = weak.lock()) sum += limit->in_use();
  }
  return sum;
}

std::size_t Sidecar::resting() const {
  std::size_t sum = 0;
  for (const auto& worker : workers)
    sum += worker->worker.pool.idle() + worker->worker.shared_pool.connections();
  // What streams carry has none of its own.
  return sum - static_cast<std::size_t>(gauge(telemetry::Gauge::multiplexed_outbound));
}

std::size_t Sidecar::pooled() const {
  std::size_t sum = 0;
  for (const auto& worker : workers) {
    sum += worker->worker.pool.idle() + worker->worker.shared_pool.idle();
  }
  return sum;
}

std::size_t Sidecar::under_way() const {
  std::size_t sum = 0;
  for (const auto& worker : workers) {
    const auto& view = *worker->worker.view;
    for (std::uint32_t i = 0; i < view.snapshot().backends.size(); ++i) {
      for (const auto& load : view.loads(i)) sum += load->outstanding();
    }
  }
  return sum;
}

std::size_t Sidecar::spawned() const {
  std::size_t sum = 0;
  for (const auto& worker : workers) sum += worker->loop.spawned_tasks();
  return sum;
}

std::size_t Sidecar::timers() const {
  std::size_t sum = 0;
  for (const auto& worker : workers) sum += worker->loop.timers().size();
  return sum;
}

void Sidecar::remember_answers(std::chrono::nanoseconds took) {
  const auto now = workers.front()->loop.now();
  for (const auto& service : snapshot_->services) {
    for (const auto& route : service.routes) {
      if (route.hedge == nullptr) continue;
      for (std::uint32_t i = 0; i < resilience::HedgeDelay::kSamplesMin; ++i)
        route.hedge->observe(took, now);
    }
  }
}

std::uint32_t Sidecar::places() const {
  const auto& limit = snapshot_->concurrency.limit;
  return limit == nullptr ? 0 : limit->numbers().in_flight;
}

std::size_t Sidecar::old_snapshots() const {
  const auto held = [this](const auto& weak) {
    const auto snapshot = weak.lock();
    return snapshot && snapshot != snapshot_;
  };
  return static_cast<std::size_t>(std::count_if(snapshots_.begin(), snapshots_.end(), held));
}

}  // namespace epaulet::sim

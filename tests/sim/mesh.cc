#include "mesh.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error_table.h"
#include "io/block.h"
#include "runtime/frame_pool.h"

namespace epaulet::sim {
namespace {
const char* framing_name(const BodyScript& body) {
  static constexpr std::array kNames{"no body", "length", "chunked", "until close"};
  return kNames[static_cast<std::size_t>(body.framing)];
}

Task<void> wait_and_do(Loop& loop, std::chrono::nanoseconds time, std::function<void()> what) {
  Scope scope(loop);
  (void)co_await sleep_until(scope, loop.now() + time);
  what();
}

}  // namespace

const IpAddress Mesh::kCaller = IpAddress::v4(0x0A000001);
const IpAddress Mesh::kServer = IpAddress::v4(0x0A000002);
const IpAddress Mesh::kOutsider = IpAddress::v4(0x0A000009);
const SocketAddress Mesh::kService{IpAddress::v4(0xF0000001), 80};
const SocketAddress Mesh::kApp{IpAddress::v4(0x0A000002), 8080};
const SocketAddress Mesh::kMail{IpAddress::v4(0xF0000002), 25};
const SocketAddress Mesh::kBare{IpAddress::v4(0xF0000003), 80};
const SocketAddress Mesh::kGreeter{IpAddress::v4(0x0A000002), 2525};
const SocketAddress Mesh::kSecondApp{IpAddress::v4(0x0A000002), 8081};
const SocketAddress Mesh::kBareApp{IpAddress::v4(0x0A000003), 8080};

Sidecar::MakeTls Mesh::tls_of(const char* identity, bool shares) {
  return [identity, shares] { return std::make_unique<FakeMeshTls>(identity, shares); };
}

Mesh::Mesh(const MeshOptions& taken)
    : options(taken),
      simulation(options.seed),
      app_loop(simulation.add_loop()),
      client_loop(simulation.add_loop()),
      network(Random(options.seed * 7919 + 1)),
      api(simulation, network, kCaller, calling_yaml(options), options.workers,
          tls_of("spiffe://cluster.local/ns/default/sa/api")),
      api2(simulation, network, kServer, serving_yaml(options), options.workers,
           tls_of("spiffe://cluster.local/ns/default/sa/api2", options.knows_multiplexing)),
      app(app_loop, network, kApp, ledger),
      second_app(app_loop, network, kSecondApp, ledger),
      bare_app(app_loop, network, kBareApp, ledger),
      greeter(app_loop, network, kGreeter),
      client(client_loop, network.dialer(client_loop, kCaller), ledger),
      outsider(client_loop, network.dialer(client_loop, kOutsider), ledger),
      http2_client(client_loop, network.dialer(client_loop, kCaller), ledger),
      http2_outsider(client_loop, network.dialer(client_loop, kOutsider), ledger) {
  network.conditions = options.network;
  frames_at_rest_ = FramePool::in_use();
  streams_before_ = test::MemoryStream::in_use();
}

Mesh::~Mesh() {
  simulation.end_tasks();
}

int Mesh::add(RequestScript request, AnswerScript answer) {
  Exchanged exchanged;
  exchanged.request = std::move(request);
  exchanged.answer = std::move(answer);
  ledger.emplace(next_id_, std::move(exchanged));
  return next_id_++;
}

void Mesh::call_port(std::uint16_t port, std::vector<int> ids, Manner manner) {
  client.connect({kService.ip, port}, std::move(ids), manner);
}

void Mesh::call_from_outside(std::vector<int> ids, Manner manner) {
  outsider.connect(kApp, std::move(ids), manner);
}

void Mesh::call_http2(SocketAddress to, std::vector<int> ids, Http2Calling calling) {
  http2_client.connect(to, std::move(ids), calling);
}

void Mesh::call_http2_from_outside(std::vector<int> ids, Http2Calling calling) {
  http2_outsider.connect(kApp, std::move(ids), calling);
}

void Mesh::after(std::chrono::nanoseconds time, std::function<void()> what) {
  client_loop.spawn(wait_and_do(client_loop, time, std::move(what)));
}

void Mesh::drain(Sidecar& sidecar, std::chrono::nanoseconds begin, std::chrono::nanoseconds grace,
                 std::chrono::nanoseconds timeout) {
  after(begin, [this, &sidecar, grace, timeout] {
    client_loop.spawn(sidecar.drain(client_loop, grace, timeout));
  });
  after(begin + grace + timeout + std::chrono::milliseconds(100), [this, &sidecar] {
    drains_end_ = drains_end_ && sidecar.drained_at() && sidecar.connections_open() == 0;
  });
}

bool Mesh::run(std::chrono::nanoseconds limit) {
  return simulation.run_until(
      [this] {
        return client.connections_open() + outsider.connections_open() +
                   http2_client.connections_open() + http2_outsider.connections_open() ==
               0;
      },
      limit);
}

void Mesh::pass(std::chrono::nanoseconds time) {
  const auto until = simulation.now() + time;
  bool over = false;
  // A timer of our own, so that time passes even where nothing else is armed.
  class Mark final : public Timer {
   public:
    explicit Mark(bool& over) : over_(over) {}

   private:
    void on_timer() override { over_ = true; }
    bool& over_;
  } mark(over);
  client_loop.timers().arm(mark, until);
  (void)simulation.run_until([&over] { return over; }, time + std::chrono::seconds(1));
}

std::vector<std::string> Mesh::end() {
  std::vector<std::string> leaks;
  const auto expect_none = [&leaks](std::int64_t count, std::string_view what) {
    if (count != 0) leaks.push_back(fmt::format("{} {} left", count, what));
  };
  if (!run()) leaks.emplace_back("a client waits for ever");
  api.stop_checks();
  api2.stop_checks();
  if (!drains_end_) leaks.emplace_back("a drain has not ended in time");
  // What a client has left behind ends by its own deadlines, what was retired as it is told.
  (void)simulation.run_until(
      [this] {
        // What was dialled for a silent caller belongs to its connection, not to an exchange.
        return api.connections_open() == 0 && api2.gauge(telemetry::Gauge::exchanges_active) == 0 &&
               api.permits() <= api.resting();
      },
      std::chrono::minutes(5));
  for (const Sidecar* sidecar : {&api, &api2}) {
    expect_none(sidecar->gauge(telemetry::Gauge::exchanges_active), "exchanges");
    // Without exchanges, every permit belongs to an idle connection.
    expect_none(static_cast<std::int64_t>(sidecar->permits()) -
                    static_cast<std::int64_t>(sidecar == &api ? sidecar->resting() : 0),
                "permits of connections in use");
  }
  // Idle connections leave within a minute or so, on both sides of both sidecars.
  (void)simulation.run(std::chrono::minutes(10));
  expect_none(static_cast<std::int64_t>(simulation.timers()), "timers");
  for (Sidecar* sidecar : {&api, &api2}) {
    expect_none(static_cast<std::int64_t>(sidecar->pooled()), "pooled connections");
    expect_none(sidecar->permits(), "permits");
    expect_none(sidecar->places(), "places with the app");
    expect_none(static_cast<std::int64_t>(sidecar->under_way()),
                "requests under way, for balancers");
    expect_none(sidecar->gauge(telemetry::Gauge::connections_inbound), "inbound connections");
    expect_none(sidecar->gauge(telemetry::Gauge::connections_outbound), "outbound connections");
    expect_none(sidecar->gauge(telemetry::Gauge::multiplexed_inbound), "carried by its streams");
    expect_none(sidecar->gauge(telemetry::Gauge::multiplexed_outbound), "carried by its streams");
    expect_none(sidecar->gauge(telemetry::Gauge::upstream_idle), "idle upstream connections");
    expect_none(sidecar->gauge(telemetry::Gauge::upstream_active), "active upstream connections");
    expect_none(sidecar->shared.connections.load(), "connections for limits.downstream");
    expect_none(static_cast<std::int64_t>(sidecar->old_snapshots()),
                "snapshots of earlier reloads");
  }
  // All is quiet: only who accepts is still there, and not even they where a drain has ended.
  expect_none(static_cast<std::int64_t>(Block::in_use()), "buffers, though all is quiet");
  expect_none(static_cast<std::int64_t>(test::MemoryStream::in_use() - streams_before_),
              "ends of connections, though all is quiet");
  const auto drained = [](const Sidecar& sidecar) { return sidecar.inbound_until().has_value(); };
  const auto frames = static_cast<std::int64_t>(FramePool::in_use() - frames_at_rest_);
  if (frames > 0 || (frames < 0 && !drained(api) && !drained(api2))) {
    expect_none(frames, "coroutine frames, though all is quiet");
  }
  for (Sidecar* sidecar : {&api, &api2}) sidecar->stop_accepting();
  app.stop();
  second_app.stop();
  bare_app.stop();
  greeter.stop();
  (void)simulation.run(std::chrono::minutes(1));
  expect_none(static_cast<std::int64_t>(api.spawned()), "tasks of the caller's sidecar");
  expect_none(static_cast<std::int64_t>(api2.spawned()), "tasks of the app's sidecar");
  expect_none(static_cast<std::int64_t>(Block::in_use()), "buffers");
  return leaks;
}

void Mesh::wind_down() {
  for (const auto& leak : end()) ADD_FAILURE() << leak;
}

std::string Mesh::story(int id) const {
  const Exchanged& exchanged = ledger.at(id);
  const auto ms = [](TimePoint at) {
    return std::chrono::duration<double, std::milli>(at - test::SimLoop::kStart).count();
  };
  std::string text = fmt::format(
      "{}: {} {} bytes; sent at {:.3f} ms{}{}{}{}; answer '{}' with {} of {} bytes at {:.3f} "
      "ms{}\n",
      id_text(id), exchanged.request.method, exchanged.request.body.bytes, ms(exchanged.sent_at),
      exchanged.never_asked ? ", never asked" : "", exchanged.head_sent ? ", head sent" : "",
      exchanged.request_sent ? ", all sent" : "", exchanged.aborted ? ", aborted" : "",
      exchanged.response.start_line, exchanged.response.body.size(), exchanged.answer.body.bytes,
      ms(exchanged.ended_at), exchanged.answered ? ", complete" : "");
  const auto& script = exchanged.answer;
  text += fmt::format(
      "  scripts: {}{}{}{}; {}{}{}{}{}{}, fault {} in {} deliveries\n",
      framing_name(exchanged.request.body), exchanged.request.http10 ? ", 1.0" : "",
      exchanged.request.half_close ? ", half-close" : "",
      exchanged.request.stall.count() > 0 ? ", stalls" : "", framing_name(script.body),
      script.http10 ? ", 1.0" : "", script.close ? ", close" : "",
      script.early_after ? fmt::format(", early after {}", *script.early_after) : "",
      script.reads_rest ? "" : ", leaves the rest", script.stall.count() > 0 ? ", stalls" : "",
      static_cast<int>(script.fault), script.faulty_deliveries);
  for (const auto& [name, value] : exchanged.response.fields) {
    text += fmt::format("  {}: {}\n", name, value);
  }
  if (exchanged.reset_code) text += fmt::format("  reset with code {}\n", *exchanged.reset_code);
  if (exchanged.connection_lost) text += "  its connection was lost\n";
  for (const Delivery& delivery : exchanged.deliveries) {
    text += fmt::format("  delivered at {:.3f} ms: {} bytes{}\n", ms(delivery.at),
                        delivery.request.body.size(), delivery.whole ? ", whole" : "");
  }
  for (const auto& [name, sidecar] : {std::pair{"api", &api}, std::pair{"api2", &api2}}) {
    for (const auto& record : sidecar->exchanges()) {
      if (record.request_id.view() != id_text(id)) continue;
      text += fmt::format("  {} reports at {:.3f} ms: status {}{}, {}, {} attempts\n", name,
                          ms(record.end), record.status, record.status_is_ours ? " (ours)" : "",
                          describe(record.error.code).name, record.attempts);
      for (std::size_t i = 0; i < record.trace.size(); ++i) {
        const auto& entry = record.trace[i];
        text += fmt::format("    {:.3f} ms: event {} ({}, {})\n",
                            ms(record.start + std::chrono::microseconds(entry.at_us)),
                            static_cast<int>(entry.event), entry.a, entry.b);
      }
    }
    if (const auto drained = sidecar->drained_at())
      text += fmt::format("  {} had drained at {:.3f} ms\n", name, ms(*drained));
    for (const auto& record : sidecar->connections()) {
      text += fmt::format("  {} connection: {}\n", name, describe(record.error.code).name);
    }
  }
  return text;
}

std::string Mesh::calling_yaml(const MeshOptions& options) {
  const bool plain = options.mesh == MeshKind::plain;
  return fmt::format(
      "identity: {{ dir: /identity }}\n"
      "services:\n"
      "  api2.default:\n"
      "    ports: {{ 80: http, 81: auto, 82: tcp }}\n"
      "    endpoints: {{ {} }}\n"
      "    tls: {}\n"
      "{}{}{}{}",
      options.zones.empty() ? fmt::format("addresses: [{}]", options.endpoints)
                            : fmt::format("zones: {{ {} }}", options.zones),
      plain ? "{ mode: none }"
            : fmt::format("{{ identities: [spiffe://cluster.local/ns/default/sa/api2], "
                          "multiplex: {} }}",
                          options.multiplex),
      options.service, options.services, options.calling, options.workload);
}

std::string Mesh::serving_yaml(const MeshOptions& options) {
  return fmt::format(
      "identity: {{ dir: /identity }}\n"
      "workload:\n"
      "  service: api2.default\n"
      "  ports: {{ {} }}\n"
      "access: {}\n"
      "{}",
      options.port, options.access, options.serving);
}

}  // namespace epaulet::sim

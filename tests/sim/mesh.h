#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app.h"
#include "client.h"
#include "http2_client.h"
#include "sidecar.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet::sim {

/// How the two sidecars protect what is between them.
enum class MeshKind { plain, fake_tls };

struct MeshOptions {
  std::uint64_t seed = 1;
  test::NetworkConditions network;
  MeshKind mesh = MeshKind::fake_tls;       ///< Plaintext sidecars tell each other no reasons.
  bool multiplex = false;                   ///< `tls: { multiplex: true }`, with fake_tls.
  bool knows_multiplexing = true;           ///< The app's sidecar.
  unsigned workers = 1;                     ///< Of each sidecar.
  std::string endpoints = "10.0.0.2:8080";  ///< Of api2.default.
  std::string zones;     ///< Instead: those of its endpoints, as the key says them.
  std::string workload;  ///< Of the calling pod: the section.
  std::string service;   ///< Keys under `services.api2.default`, each line indented by 4.
  std::string services;  ///< More of them, each line indented by 2.
  std::string calling;   ///< Top level keys of the calling pod.
  std::string serving;   ///< Top level keys of the serving pod.
  std::string port = "8080: { tls: permissive }";  ///< Under `workload.ports` of the serving pod.
  std::string access = "[ { name: all, allow: [anyone] } ]";
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
  /// The same in HTTP/2: all exchanges of a connection beside each other.
  void call_http2(SocketAddress to, std::vector<int> ids, Http2Calling calling = {});
  void call_http2_from_outside(std::vector<int> ids, Http2Calling calling = {});
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
  static const SocketAddress kBare;       ///< The virtual address of bare.default:80.
  static const SocketAddress kGreeter;    ///< Which serves it, in the same pod as the app.
  static const SocketAddress kSecondApp;  ///< On the same pod.
  static const SocketAddress kBareApp;    ///< In a pod of its own, without a sidecar.

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
  App bare_app;
  Greeter greeter;
  Client client;
  Client outsider;
  Http2Client http2_client;
  Http2Client http2_outsider;

 private:
  [[nodiscard]] Sidecar::MakeTls tls_of(const char* identity, bool shares = true);
  int next_id_ = 1;
  std::size_t frames_at_rest_ = 0;  ///< Of coroutines that accept.
  std::size_t streams_before_ = 0;
  bool drains_end_ = true;
};

}  // namespace epaulet::sim

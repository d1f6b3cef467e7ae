#pragma once

#include <cstdint>
#include <memory>

#include "io/listener.h"
#include "k8s/injector/settings.h"
#include "telemetry/process_log.h"
#include "tls/context.h"

namespace epaulet::injector {

struct InjectorCounts {
  std::uint64_t injected = 0;
  std::uint64_t untouched = 0;  ///< Let pass as they are.
  std::uint64_t refused = 0;
  std::uint64_t malformed = 0;  ///< No review at all.
  std::uint64_t handshakes_failed = 0;
  std::uint64_t connections_full = 0;
};

/// The webhook: HTTPS, POST /inject, one request on each connection. Bounds connections, sizes and
/// time. A loop's own.
class InjectorServer {
 public:
  static constexpr std::size_t kConnectionsMax = 64;
  static constexpr std::chrono::seconds kHandshakeTime{5};
  static constexpr std::chrono::seconds kExchangeTime{10};  ///< As long as API servers wait.

  /// Both outlive this.
  InjectorServer(Loop& loop, telemetry::ProcessLog& log);
  InjectorServer(const InjectorServer&) = delete;
  InjectorServer& operator=(const InjectorServer&) = delete;
  /// Ends all connections.
  ~InjectorServer();

  /// What is in force for connections from now on; without one nobody is served.
  void set_tls(std::shared_ptr<const TlsContext> tls);
  void set_settings(std::shared_ptr<const InjectorSettings> settings);

  void listen(Listener& listener);
  /// Accepts nobody any more; who is connected may end.
  void stop_accepting();

  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] const InjectorCounts& counts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutines, which end later than this.
};

}  // namespace epaulet::injector

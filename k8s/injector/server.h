#pragma once

#include <cstdint>
#include <memory>

#include "https/server.h"
#include "k8s/injector/settings.h"
#include "telemetry/process_log.h"

namespace epaulet::injector {

struct InjectorCounts {
  std::uint64_t injected = 0;
  std::uint64_t untouched = 0;  ///< Let pass as they are.
  std::uint64_t refused = 0;
  std::uint64_t malformed = 0;  ///< No review at all.
  std::uint64_t handshakes_failed = 0;
  std::uint64_t connections_full = 0;
};

/// The webhook: HTTPS, POST /inject, one request on each connection. A loop's own.
class InjectorServer {
 public:
  static constexpr std::size_t kConnectionsMax = 64;
  static constexpr std::chrono::seconds kHandshakeTime{5};
  static constexpr std::chrono::seconds kExchangeTime{10};  ///< As long as API servers wait.

  /// Both outlive this.
  InjectorServer(Loop& loop, telemetry::ProcessLog& log);

  /// What is in force for connections from now on; without one nobody is served.
  void set_tls(std::shared_ptr<const TlsContext> tls);
  void set_settings(std::shared_ptr<const InjectorSettings> settings);

  [[nodiscard]] https::Server& https() { return server_; }
  [[nodiscard]] std::size_t connections() const { return server_.connections(); }
  [[nodiscard]] const InjectorCounts& counts() const;

 private:
  class Handler;
  std::shared_ptr<Handler> handler_;
  https::Server server_;
};

}  // namespace epaulet::injector

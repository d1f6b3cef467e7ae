#pragma once

#include <array>
#include <memory>

#include "certs-tool/service/rate_limit.h"
#include "certs-tool/service/requests.h"
#include "https/server.h"
#include "telemetry/process_log.h"
#include "tls/handshake_failure.h"

namespace epaulet::certs {

/// What the service counted.
struct ServiceCounts {
  std::array<std::uint64_t, static_cast<std::size_t>(Ending::count_)> requests{};
  std::array<std::uint64_t, static_cast<std::size_t>(HandshakeFailure::count_)> handshakes_failed{};
  std::uint64_t rate_limited = 0;      ///< Connections reset because their source has too many.
  std::uint64_t connections_full = 0;  ///< Reset because there were too many in all.
};

/// The identity service over HTTPS. A loop's own.
class IdentityServer {
 public:
  static constexpr std::size_t kConnectionsMax = 256;
  static constexpr std::chrono::seconds kHandshakeTime{5};
  static constexpr std::chrono::seconds kRequestTime{5};  ///< Head and body together.
  static constexpr std::chrono::seconds kAnswerTime{10};  ///< The proof, signing, sending.

  /// All outlive this.
  IdentityServer(Loop& loop, Signer& signer, Requests& requests, telemetry::ProcessLog& log,
                 RateLimit::Rate rate);

  void listen(Listener& listener) { server_.listen(listener); }
  [[nodiscard]] https::Server& https() { return server_; }
  [[nodiscard]] std::size_t connections() const { return server_.connections(); }
  [[nodiscard]] const ServiceCounts& counts() const;

 private:
  class Handler;
  std::shared_ptr<Handler> handler_;
  https::Server server_;
};

}  // namespace epaulet::certs

#pragma once

#include <memory>
#include <optional>

#include "detect/client_hello.h"
#include "path/connection.h"

namespace epaulet::path {

/// A connection to an upstream on which nobody has understood anything yet.
struct RawUpstream {
  StreamPtr stream;
  std::unique_ptr<StreamReader>
      reader;  ///< On `stream`; holds what was read to find out who speaks first.
  std::uint32_t backend = Destination::kNone;
  SocketAddress endpoint;
  EndpointIdentityPtr identity;  ///< As in its Hop.
  telemetry::StringId peer = 0;
  resilience::ConnectionLimit::Permit permit;
  balance::InFlight in_flight;  ///< To its endpoint, until the tunnel ends.
  std::uint64_t trust = 0;
  upstream::Trust rests_on;
  Duration max_duration{};                    ///< Of a tunnel over it; 0: none.
  resilience::RetryBudget* budget = nullptr;  ///< Whose first attempt it is, once it is used.

  RawUpstream() = default;
  RawUpstream(RawUpstream&&) = default;
  RawUpstream& operator=(RawUpstream&& other) noexcept {
    reader.reset();  // Before the stream that it reads.
    stream = std::move(other.stream);
    reader = std::move(other.reader);
    backend = other.backend;
    endpoint = other.endpoint;
    identity = std::move(other.identity);
    peer = other.peer;
    permit = std::move(other.permit);
    in_flight = std::move(other.in_flight);
    trust = other.trust;
    rests_on = other.rests_on;
    max_duration = other.max_duration;
    budget = other.budget;
    return *this;
  }
  ~RawUpstream() { reader.reset(); }
};

/// Where a silent caller's connection would go, if its protocol begins with the server.
class EarlyDial {
 public:
  virtual Task<Result<RawUpstream>> dial() = 0;

 protected:
  ~EarlyDial() = default;
};

enum class Spoken : std::uint8_t { http1, http2, tls, opaque };

struct Detected {
  Spoken protocol = Spoken::opaque;
  std::optional<RawUpstream> upstream;  ///< Dialled while waiting.
};

/// Finds out what the caller speaks (design section 6). If it is silent for
/// limits::kSpeculativeDialAfter (behind a sidecar kSpeculativeDialAfterPeer) and `early` is given,
/// dials, and whoever speaks first decides; server bytes that begin an HTTP response never make it
/// opaque. Errors: end_of_stream if the caller left, detect_timeout, the early dial's.
Task<Result<Detected>> find_protocol(Connection& connection, EarlyDial* early);

/// The whole ClientHello that the caller's first bytes begin; it stays buffered. Errors:
/// tls_protocol_error, tls_truncated, detect_timeout, the connection's.
Task<Result<detect::ClientHello>> read_hello(Connection& connection);

}  // namespace epaulet::path

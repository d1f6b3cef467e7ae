#pragma once

#include <string>
#include <vector>

#include "io/dialer.h"
#include "telemetry/telemetry.h"
#include "upstream/mesh_tls.h"
#include "upstream/trust_watch.h"

namespace epaulet::upstream {

/// How to reach one endpoint.
struct DialPlan {
  SocketAddress to;
  bool mesh = false;
  const std::vector<std::string>* identities = nullptr;  ///< With mesh: whom it may prove to be.
  std::string server_name;                               ///< With mesh: SNI.
  detect::MeshProtocol protocol = detect::MeshProtocol::any;
};

struct Dialled {
  StreamPtr stream;
  telemetry::StringId peer = 0;
  std::uint64_t trust = 0;
  detect::MeshProtocol protocol = detect::MeshProtocol::any;  ///< With mesh: what was agreed.
  Trust rests_on;
};

/// TCP, then mesh TLS where the plan says so, within the scope's deadline (`timeouts.connect`).
/// Every failure is Retry::safe: nothing of a request was sent. `mesh` never falls back to
/// plaintext, whatever the error.
Task<Result<Dialled>> dial(Dialer& dialer, MeshTls& tls, telemetry::Telemetry& telemetry,
                           telemetry::Trace& trace, DialPlan plan, Scope& scope);

}  // namespace epaulet::upstream

#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "crypto/digest.h"
#include "detect/mesh_alpn.h"
#include "io/stream.h"
#include "runtime/scope.h"
#include "runtime/task.h"
#include "telemetry/strings.h"

namespace epaulet::upstream {

/// A connection on which both sidecars proved who they are.
struct Secured {
  StreamPtr stream;
  std::string peer;  ///< SPIFFE ID.
  telemetry::StringId peer_id = 0;
  detect::MeshProtocol protocol = detect::MeshProtocol::any;
  std::string server_name;  ///< SNI, as the accepting side saw it.
  WallTime not_after{};     ///< End of the peer's or our own leaf, whichever comes first.
  bool resumed = false;
  Sha256 authority{};  ///< Of the root that the peer's chain led to.
};

/// Mesh TLS of one worker under the current identity. Handshake failures come as Error with a
/// `note`: the string id of the diagnosis (what was presented, what was expected, which authority,
/// which clock).
class MeshTls {
 public:
  virtual ~MeshTls() = default;
  /// The accepting side. `lower` is closed on failure.
  virtual Task<Result<Secured>> accept(StreamPtr lower, Scope& scope) = 0;
  /// The dialling side: `identities` are the SPIFFE IDs that the endpoint may prove. Never falls
  /// back to plaintext. `multiplexed` may become http1, where the peer does not know it: see
  /// Secured::protocol.
  virtual Task<Result<Secured>> connect(StreamPtr lower, std::span<const std::string> identities,
                                        const std::string& server_name,
                                        detect::MeshProtocol protocol, Scope& scope) = 0;
  /// Changes whenever a pooled connection must no longer be used: other bundle.
  [[nodiscard]] virtual std::uint64_t trust_generation() const = 0;
  /// Whether this root is in the bundle now.
  [[nodiscard]] virtual bool trusts(const Sha256& authority) const = 0;
};

}  // namespace epaulet::upstream

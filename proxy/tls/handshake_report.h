#pragma once

#include <optional>
#include <string>

#include "crypto/digest.h"
#include "crypto/wall_time.h"
#include "detect/mesh_alpn.h"

namespace epaulet {

/// What a handshake established about the peer, or why it failed.
struct HandshakeReport {
  // Proven by the peer: set after success only.
  std::string spiffe_id;
  Sha256 fingerprint{};  ///< Of its leaf.
  Sha256
      authority{};  ///< Of the root that its chain led to: drain when that root leaves the bundle.
  /// Of its leaf: drain before. Of a session that the client resumed also of the leaf that it
  /// showed when the session began: that one the server sees, whatever the client has now.
  WallTime not_after{};
  bool resumed = false;
  std::optional<detect::MeshProtocol> protocol;

  /// Server: what the client asked for, also after a failure; client: what we asked for. "" if
  /// none.
  std::string sni;
  /// After a failure: what was presented, what was expected, which authority, which clock. One
  /// line, printable, for the log and explain on this side only.
  std::string diagnosis;
};

}  // namespace epaulet

#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "crypto/identity.h"
#include "tls/handshake_report.h"

namespace epaulet {

/// What a peer must prove.
struct PeerPolicy {
  const Trust& trust;
  WallTime now;
  /// Client: the endpoint's identities, of which the server must hold one. Server: nothing, any
  /// identity of the trust domain may come in; what it may do is for the access rules.
  std::optional<std::span<const std::string>> expected;
  /// Client: what was dialled, for the diagnosis.
  std::string_view server_name = {};
};

struct PeerVerdict {
  ErrorCode code = ErrorCode::none;  ///< none: the peer is who it should be.
  std::string diagnosis;             ///< "" if the code is none.
  int x509_error = 0;                ///< X509_V_...: decides the alert that the peer gets.
  // Filled as far as the certificate tells.
  std::string spiffe_id;
  Sha256 fingerprint{};
  Sha256 authority{};
  WallTime not_after{};
};

/// Judges the chain that OpenSSL collected during a full handshake.
[[nodiscard]] PeerVerdict verify_peer(x509_store_ctx_st* chain, const PeerPolicy& policy);

/// Judges a server outside of the mesh: its chain, and the name or address that OpenSSL was told to
/// look for, which stands in place of the trust domain.
[[nodiscard]] PeerVerdict verify_web_server(x509_store_ctx_st* chain, const PeerPolicy& policy);

/// Judges the leaf of a resumed session: its chain was proven when the session began, under the
/// same bundle.
[[nodiscard]] PeerVerdict verify_resumed_peer(const Certificate& leaf, const PeerPolicy& policy);

/// "spiffe://... (CN=..., issued by CN=... with key ..., sha256 ..., valid from A until B)".
[[nodiscard]] std::string text_of_certificate(const Certificate& certificate);
/// The first few roots.
[[nodiscard]] std::string text_of_bundle(const std::vector<Certificate>& bundle);

}  // namespace epaulet

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/identity.h"
#include "crypto/owned.h"

namespace epaulet {

/// What handshakes of one identity share: TLS 1.3 only, no renegotiation, no early data,
/// AES-128-GCM first; groups X25519MLKEM768 where OpenSSL has it, X25519, P-256, P-384; signatures
/// with ECDSA, Ed25519 and RSA-PSS over SHA-256 or better. Immutable; made by the control thread,
/// used by all workers; a connection keeps its own alive.
class TlsContext {
 public:
  /// What is spoken. mesh: both ends are verified, the private ALPN tokens. The identity service:
  /// HTTPS, its client may be nobody yet; that of a member service may not. web: HTTPS with whoever
  /// is outside the mesh; a name is proven, no identity.
  enum class Purpose : std::uint8_t {
    mesh,
    identity_service,
    member_service,
    identity_client,
    web_server,
    web_client
  };

  /// `previous` (may be null): its ticket keys are kept if nothing but the files' dates has
  /// changed. Another bundle, another identity of ours and another leaf bring new keys, and earlier
  /// tickets are worth nothing: whoever steals ticket keys can be anybody to us, so they live no
  /// longer than the leaf's own key.
  [[nodiscard]] static Checked<std::shared_ptr<const TlsContext>> make(
      std::shared_ptr<const Identity> identity, const TlsContext* previous);

  /// The identity service's side: clients that have a certificate prove it, others are nobody.
  [[nodiscard]] static Checked<std::shared_ptr<const TlsContext>> for_identity_service(
      std::shared_ptr<const Identity> identity);
  /// The side of a service for members of the mesh alone: who proves no identity gets no further
  /// than the handshake.
  [[nodiscard]] static Checked<std::shared_ptr<const TlsContext>> for_member_service(
      std::shared_ptr<const Identity> identity);
  /// Their clients' side. `own`: null before there is one.
  [[nodiscard]] static Checked<std::shared_ptr<const TlsContext>> for_identity_client(
      Trust trust, std::shared_ptr<const Identity> own);

  /// HTTPS for clients that prove nothing, with a certificate of whatever CA they know. `chain`:
  /// leaf first, not empty.
  [[nodiscard]] static Checked<std::shared_ptr<const TlsContext>> for_web_server(
      const std::vector<Certificate>& chain, const PrivateKey& key);
  /// HTTPS to a server outside the mesh, which must lead to `roots` (nothing: the system's) and be
  /// `host`: a name, or an address as text. TLS 1.2 as well, since such servers are not ours to
  /// choose; AEAD ciphers with forward secrecy alone.
  [[nodiscard]] static Checked<std::shared_ptr<const TlsContext>> for_web_client(
      std::optional<std::vector<Certificate>> roots, const std::string& host);
  /// HTTPS to whoever answers: no certificate is looked at. To the app of this pod alone, which is
  /// asked as the kubelet would ask it.
  [[nodiscard]] static std::shared_ptr<const TlsContext> for_unverified_client();

  [[nodiscard]] Purpose purpose() const { return purpose_; }
  [[nodiscard]] bool has_identity() const { return identity_ != nullptr; }
  /// Only if there is one: there is for the mesh and for the service.
  [[nodiscard]] const Identity& identity() const { return *identity_; }
  [[nodiscard]] const std::shared_ptr<const Identity>& shared_identity() const { return identity_; }
  [[nodiscard]] const Trust& trust() const { return trust_; }
  /// What client sessions are keyed by besides the expected identities: changes with the bundle and
  /// our own ID.
  [[nodiscard]] const std::string& session_generation() const { return session_generation_; }

  // For the engine.

  [[nodiscard]] ssl_ctx_st* server() const { return server_.get(); }
  [[nodiscard]] ssl_ctx_st* client() const { return client_.get(); }

 private:
  using TicketKeys = std::array<std::uint8_t, 80>;

  TlsContext(Purpose purpose, Trust trust, std::shared_ptr<const Identity> identity);
  [[nodiscard]] static Checked<std::shared_ptr<const TlsContext>> for_service(
      Purpose purpose, std::shared_ptr<const Identity> identity, int verify_mode);

  Purpose purpose_;
  Trust trust_;
  std::shared_ptr<const Identity> identity_;
  std::string session_generation_;
  TicketKeys ticket_keys_{};
  Owned<ssl_ctx_st> server_;
  Owned<ssl_ctx_st> client_;
};

}  // namespace epaulet

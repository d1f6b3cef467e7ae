#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "crypto/identity.h"
#include "crypto/owned.h"

namespace epaulet {

/// What mesh handshakes of one identity share: TLS 1.3 only, both ends verified, groups X25519 and
/// P-256, AES-128-GCM first. Immutable; made by the control thread, used by all workers; a
/// connection keeps its own alive.
class TlsContext {
 public:
  /// `previous` (may be null): its ticket keys are kept if nothing but the files' dates has
  /// changed. Another bundle, another identity of ours and another leaf bring new keys, and earlier
  /// tickets are worth nothing: whoever steals ticket keys can be anybody to us, so they live no
  /// longer than the leaf's own key.
  [[nodiscard]] static Checked<std::shared_ptr<const TlsContext>> make(
      std::shared_ptr<const Identity> identity, const TlsContext* previous);

  [[nodiscard]] const Identity& identity() const { return *identity_; }
  /// What client sessions are keyed by besides the expected identities: changes with the bundle and
  /// our own ID.
  [[nodiscard]] const std::string& session_generation() const { return session_generation_; }

  // For the engine.

  [[nodiscard]] ssl_ctx_st* server() const { return server_.get(); }
  [[nodiscard]] ssl_ctx_st* client() const { return client_.get(); }

 private:
  using TicketKeys = std::array<std::uint8_t, 80>;

  explicit TlsContext(std::shared_ptr<const Identity> identity);

  std::shared_ptr<const Identity> identity_;
  std::string session_generation_;
  TicketKeys ticket_keys_{};
  Owned<ssl_ctx_st> server_;
  Owned<ssl_ctx_st> client_;
};

}  // namespace epaulet

#pragma once

#include <optional>
#include <string>

#include "crypto/digest.h"
#include "crypto/owned.h"
#include "crypto/wall_time.h"

namespace epaulet {

/// What a ticket of ours says of the peer, sealed in it: all that was found out when the session
/// began, in place of the peer's certificate.
///
/// OpenSSL puts the certificate into each ticket, and parses it for each that it makes and each
/// that comes back: 3.0 looks for a decoder of its key anew every time. That was half of what a
/// resumed handshake costs, and the certificate stayed with the connection for its whole life.
struct TicketFacts {
  WallTime usable_until{};  ///< Whole seconds, as the two below.
  WallTime not_before{};    ///< Of the peer's leaf.
  WallTime not_after{};     ///< Of its chain, whatever ends first.
  Sha256 fingerprint{};
  Sha256 authority{};
  std::string spiffe_id;

  /// Its leaf may be shown.
  [[nodiscard]] bool leaf_is_valid_at(WallTime now) const {
    return not_before <= now && now < not_after;
  }
  /// The ticket may be used, too. Asked once, when it comes: a handshake that began in time may end
  /// in peace.
  [[nodiscard]] bool is_usable_at(WallTime now) const {
    return leaf_is_valid_at(now) && now < usable_until;
  }
};

/// Writes them into the session of a server that is about to become a ticket, and takes the peer's
/// certificate out of it: out of the connection, too. False: OpenSSL has no memory.
[[nodiscard]] bool seal_facts(ssl_session_st* session, const TicketFacts& facts);

/// Of the session in a ticket; nothing if it has none that we wrote.
[[nodiscard]] std::optional<TicketFacts> facts_of(ssl_session_st* session);

}  // namespace epaulet

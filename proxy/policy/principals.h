#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "crypto/jwt.h"
#include "policy/api_keys.h"
#include "policy/role_set.h"
#include "runtime/clock.h"

namespace epaulet {

/// What is kept of a token that was verified. Neither the token nor its claims: they are asked
/// once, for roles.
struct VerifiedToken {
  std::string issuer;              ///< Its name under `issuers`.
  std::uint32_t issuer_index = 0;  ///< Among them.
  std::string subject_hash;  ///< First 16 hexadecimal digits of SHA-256 of `sub`; "" without `sub`.
                             ///< For logs.
  WallTime valid_until;      ///< `exp` and the issuer's leeway.
  RoleSet roles;             ///< What the token gives, by the RoleTable that it was verified under.
};

/// Who makes a request, all proven on this connection and this request.
struct Principals {
  /// SPIFFE ID of the verified mesh peer; empty for plaintext. Borrowed from the connection.
  std::string_view peer;
  /// Shared with the worker's TokenCache, which may forget the token before the request ends.
  std::shared_ptr<const VerifiedToken> token;
  /// Why the token on this request was refused; `none` if it is fine or if there is none.
  TokenFailure token_failure = TokenFailure::none;
  /// Whose API key the request shows; empty: it shows none, or a wrong one. Borrowed from the
  /// Authenticator.
  std::string_view key_owner;
  KeyFailure key_failure = KeyFailure::none;
  /// A trusted ingress was to name its client and did not: nobody knows which networks it is of.
  bool client_unknown = false;
  /// Union over the peer, the token, the key's owner and the caller's address, with the built-in
  /// roles; permissions among them (RoleTable).
  RoleSet roles;

  [[nodiscard]] bool is_anonymous() const {
    return peer.empty() && token == nullptr && key_owner.empty();
  }
};

}  // namespace epaulet

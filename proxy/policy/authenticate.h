#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "crypto/digest.h"
#include "crypto/jwk.h"
#include "http/message.h"
#include "policy/principals.h"
#include "policy/roles.h"
#include "policy/token_cache.h"
#include "runtime/clock.h"

namespace epaulet {

/// Says who makes a request: the peer by its mesh identity and the bearer token on the request (RFC
/// 6750 section 2.1). One per snapshot; immutable, so that all workers share it.
///
/// Without any issuer, `Authorization` is the app's own business and not looked at. With at least
/// one:
///   - no Authorization, or another scheme than Bearer: no token;
///   - several Authorization fields: refused (which one the app reads is anybody's guess);
///   - a bearer token that no configured issuer claims, opaque ones included: refused.
class Authenticator {
 public:
  /// `keys`: one set for each name in `issuers`; an issuer without one refuses all of its tokens.
  Authenticator(const std::map<std::string, IssuerSettings>& issuers,
                std::map<std::string, JwkSet> keys, std::shared_ptr<const RoleTable> roles);

  /// `peer`: SPIFFE ID of the verified mesh peer, empty for plaintext; the result borrows it.
  /// Fields that are removed do not count: a token that `Connection` nominates is none. Never
  /// fails: a refused token stands in token_failure, and AccessPolicy refuses the request.
  /// Allocates nothing for a token that is cached.
  [[nodiscard]] Principals authenticate(const http::RequestHead& head, std::string_view peer,
                                        TokenCache& cache, WallTime now) const;
  /// Of a connection that is not HTTP.
  [[nodiscard]] Principals authenticate_connection(std::string_view peer) const;

 private:
  struct Issuer {
    std::string name;
    JwtRules rules;
    JwkSet keys;
  };
  [[nodiscard]] boost::system::result<VerifiedToken, TokenFailure> verify(std::string_view token,
                                                                          WallTime now) const;
  void add_token(std::string_view token, TokenCache& cache, WallTime now, Principals& out) const;

  std::vector<Issuer> issuers_;
  std::shared_ptr<const RoleTable> roles_;
  Sha256 generation_{};  ///< Of all that a verified token depends on.
};

}  // namespace epaulet

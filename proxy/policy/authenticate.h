#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "config/settings.h"
#include "crypto/digest.h"
#include "crypto/jwk.h"
#include "http/message.h"
#include "policy/api_keys.h"
#include "policy/key_demand.h"
#include "policy/principals.h"
#include "policy/roles.h"
#include "policy/token_cache.h"
#include "policy/token_place.h"
#include "runtime/clock.h"

namespace epaulet {

/// What the tokens of an issuer must say.
[[nodiscard]] JwtRules jwt_rules_of(const IssuerSettings& settings);

/// Says who makes a request: the peer by its mesh identity, the token on the request (RFC 6750),
/// the API key on it, and the address it comes from. One per snapshot; immutable, so that all
/// workers share it.
///
/// A token is looked for where some issuer's tokens stand; `Authorization` without such an issuer
/// is the app's own business. Where one is looked for:
///   - nothing there, or another scheme than Bearer in Authorization: no token;
///   - several, in one place or in two: refused (which one the app reads is anybody's guess);
///   - one that no issuer of that place claims, opaque ones included: refused.
class Authenticator {
 public:
  /// `keys`: one set for each name in `issuers`; an issuer without one refuses all of its tokens.
  /// `demands`: who hears of tokens that name a key which their issuer's set does not have. Such a
  /// token is refused at once, whatever is fetched meanwhile.
  Authenticator(const std::map<std::string, IssuerSettings>& issuers,
                std::map<std::string, JwkSetPtr> keys, std::shared_ptr<const RoleTable> roles,
                ApiKeys api_keys = {}, const std::map<std::string, KeyDemandPtr>& demands = {});

  /// `peer`: SPIFFE ID of the verified mesh peer, empty for plaintext; the result borrows it.
  /// Fields that are removed do not count: a token that `Connection` nominates is none. Never
  /// fails: a refused token stands in token_failure, a refused key in key_failure, and AccessPolicy
  /// refuses the request. `from`: where the connection comes from, whatever fields say; nullptr: in
  /// no network. Allocates nothing for a token that is cached.
  [[nodiscard]] Principals authenticate(const http::RequestHead& head, std::string_view peer,
                                        TokenCache& cache, WallTime now,
                                        const IpAddress* from = nullptr) const;
  /// Of a connection that is not HTTP.
  [[nodiscard]] Principals authenticate_connection(std::string_view peer,
                                                   const IpAddress* from = nullptr) const;

  /// Takes away what the app is not to see of what authenticate() looked at. For the request that
  /// passes, before fields are added.
  void strip_credentials(http::RequestHead& head, const Principals& principals) const;
  /// Whether a trailer's field claims what only authenticate() may say.
  [[nodiscard]] bool claims(std::string_view trailer_name) const {
    return api_keys_.claims(trailer_name);
  }

 private:
  struct Issuer {
    std::string name;
    JwtRules rules;
    JwkSetPtr keys;         ///< Never null.
    KeyDemandPtr demand;    ///< Null: its keys are not fetched.
    std::size_t place = 0;  ///< Among places_.
    bool forward = true;
  };
  void add_issuer(const IssuerSettings& settings, JwkSetPtr keys);
  [[nodiscard]] boost::system::result<VerifiedToken, TokenFailure> verify(std::string_view token,
                                                                          std::size_t place,
                                                                          WallTime now) const;
  [[nodiscard]] static TokenFailure judge_failure(const Issuer& issuer, TokenFailure failure);
  void find_token(const http::RequestHead& head, TokenCache& cache, WallTime now,
                  Principals& out) const;
  void add_token(std::string_view token, std::size_t place, TokenCache& cache, WallTime now,
                 Principals& out) const;

  std::vector<Issuer> issuers_;
  std::vector<TokenPlace> places_;  ///< Of the issuers, each once.
  ApiKeys api_keys_;
  std::shared_ptr<const RoleTable> roles_;
  Sha256 generation_{};  ///< Of all that a verified token depends on.
};

}  // namespace epaulet

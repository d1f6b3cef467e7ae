#pragma once

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/jwk.h"
#include "crypto/wall_time.h"

/// JSON Web Tokens (RFC 7519) as compact JWS (RFC 7515), checked as RFC 8725 advises. The issuer's
/// configuration says which algorithms there are: a token's `alg` must be one of them, and each key
/// fits algorithms of its own kind alone, so that neither `none` nor an HMAC with the public key
/// for a secret can come up. Keys come from the issuer's set alone: `jwk`, `jku`, `x5c` and `x5u`
/// of a token are not looked at.
namespace epaulet {

/// Which check a token failed, for explain; says nothing of what the token holds. In order of the
/// checks.
enum class TokenFailure : std::uint8_t {
  none,
  several,             ///< More than one token, or field that may hold one.
  too_large,           ///< More than limits::kTokenBytesMax.
  not_three_parts,     ///< No compact JWS: opaque, encrypted, or empty.
  encoding_broken,     ///< A part is not strict base64url.
  header_malformed,    ///< No JSON object, a member twice, or a member of the wrong type.
  algorithm_refused,   ///< `alg` is none, unknown, or not the issuer's.
  critical_extension,  ///< `crit`: we understand none (RFC 7515 section 4.1.11).
  type_refused,      ///< `typ` is neither JWT nor at+jwt: it was made for another purpose (RFC 8725
                     ///< section 3.11).
  claims_malformed,  ///< No JSON object, a member twice, or a registered claim of the wrong type.
  issuer_unknown,    ///< `iss` is missing or no configured issuer's.
  keys_missing,      ///< The issuer's set could not be fetched yet.
  key_unknown,       ///< The issuer's set has no key with this `kid`.
  signature_wrong,
  audience_wrong,    ///< `aud` is missing or names none of ours.
  expiry_missing,    ///< `exp` is required.
  expired,           ///< now >= exp + leeway
  not_yet_valid,     ///< now < nbf - leeway
  issued_in_future,  ///< now < iat - leeway
  claim_missing,  ///< A claim that the issuer's tokens must have is not there, or says otherwise.
};
[[nodiscard]] std::string_view name_of(TokenFailure failure);

/// A claim that must be there: the names on the way to it, one for a claim of the token itself.
struct RequiredClaim {
  std::vector<std::string> path;
  std::optional<std::string> value;  ///< Nothing: anything but null and false.
};

/// What a token must say.
struct JwtRules {
  std::string issuer;
  std::vector<JwtAlgorithm> algorithms{JwtAlgorithm::rs256};
  /// One of them must be in `aud`. Empty: the token must have no `aud` (RFC 7519 section 4.1.3).
  std::vector<std::string> audiences;
  std::chrono::nanoseconds leeway{0};
  std::vector<RequiredClaim> required{};
};

/// The claims of a token that was verified.
class JwtClaims {
 public:
  /// Claims that nobody has signed, for asking what would be.
  [[nodiscard]] static JwtClaims assumed(boost::json::object members) {
    JwtClaims claims;
    claims.members_ = std::move(members);
    return claims;
  }
  /// Whether the claims that `rules` require are there.
  [[nodiscard]] bool fulfil(const JwtRules& rules) const;

  /// A claim that is a string; nothing if it is missing or something else.
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  /// Whether the claim is `value`, as a string, whole number or boolean, or a list with it.
  [[nodiscard]] bool has(std::string_view name, std::string_view value) const;
  /// The same of a claim inside others: a Hasura token's allowed roles are at
  /// {"https://hasura.io/jwt/claims", "x-hasura-allowed-roles"}.
  [[nodiscard]] bool has(std::span<const std::string> path, std::string_view value) const;
  /// A word of `scope` (RFC 8693 section 4.2), or an item of `scope` or `permissions` as a list.
  [[nodiscard]] bool permits(std::string_view permission) const;
  /// `sub`, empty if there is none.
  [[nodiscard]] std::string_view subject() const {
    return text("sub").value_or(std::string_view());
  }
  /// `exp`.
  [[nodiscard]] WallTime expires() const { return expires_; }

 private:
  friend class Jwt;
  boost::json::object members_;
  WallTime expires_{};
};

/// A token that was taken apart but not believed: all it tells is whose keys to ask.
class Jwt {
 public:
  [[nodiscard]] static boost::system::result<Jwt, TokenFailure> parse(std::string_view token);

  /// `iss` as the token has it; empty if it has none.
  [[nodiscard]] std::string_view claimed_issuer() const;

  /// `alg` as the token has it.
  [[nodiscard]] JwtAlgorithm algorithm() const { return algorithm_; }

  /// Checks the signature, then the claims. `now`: calendar time.
  [[nodiscard]] boost::system::result<JwtClaims, TokenFailure> verify(const JwkSet& keys,
                                                                      const JwtRules& rules,
                                                                      WallTime now) &&;

 private:
  JwtAlgorithm algorithm_ = JwtAlgorithm::rs256;
  std::optional<std::string> key_id_;
  std::string signing_input_;
  std::string signature_;
  boost::json::object claims_;
};

}  // namespace epaulet

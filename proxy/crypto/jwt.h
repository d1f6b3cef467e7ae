#pragma once

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/jwk.h"
#include "crypto/wall_time.h"

/// JSON Web Tokens (RFC 7519) as compact JWS (RFC 7515), checked as RFC 8725 advises. The algorithm
/// is RS256, whatever the token says: its `alg` must agree, and is otherwise never asked, so that
/// neither `none` nor an HMAC with the public key for a secret can come up. Keys come from the
/// issuer's set alone: `jwk`, `jku`, `x5c` and `x5u` of a token are not looked at.
namespace epaulet {

/// Which check a token failed, for explain; says nothing of what the token holds. In order of the
/// checks.
enum class TokenFailure : std::uint8_t {
  none,
  several,             ///< More than one Authorization field.
  too_large,           ///< More than limits::kTokenBytesMax.
  not_three_parts,     ///< No compact JWS: opaque, encrypted, or empty.
  encoding_broken,     ///< A part is not strict base64url.
  header_malformed,    ///< No JSON object, a member twice, or a member of the wrong type.
  algorithm_refused,   ///< `alg` is not RS256.
  critical_extension,  ///< `crit`: we understand none (RFC 7515 section 4.1.11).
  type_refused,      ///< `typ` is neither JWT nor at+jwt: it was made for another purpose (RFC 8725
                     ///< section 3.11).
  claims_malformed,  ///< No JSON object, a member twice, or a registered claim of the wrong type.
  issuer_unknown,    ///< `iss` is missing or no configured issuer's.
  key_unknown,       ///< The issuer's set has no key with this `kid`.
  signature_wrong,
  audience_wrong,    ///< `aud` is missing or names none of ours.
  expiry_missing,    ///< `exp` is required.
  expired,           ///< now >= exp + leeway
  not_yet_valid,     ///< now < nbf - leeway
  issued_in_future,  ///< now < iat - leeway
};
[[nodiscard]] std::string_view name_of(TokenFailure failure);

/// What a token must say.
struct JwtRules {
  std::string issuer;
  /// One of them must be in `aud`. Empty: the token must have no `aud` (RFC 7519 section 4.1.3).
  std::vector<std::string> audiences;
  std::chrono::nanoseconds leeway{0};
};

/// The claims of a token that was verified.
class JwtClaims {
 public:
  /// A claim that is a string; nothing if it is missing or something else.
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  /// Whether the claim is the string `value` or a list with it.
  [[nodiscard]] bool has(std::string_view name, std::string_view value) const;
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

  /// Checks the signature, then the claims. `now`: calendar time.
  [[nodiscard]] boost::system::result<JwtClaims, TokenFailure> verify(const JwkSet& keys,
                                                                      const JwtRules& rules,
                                                                      WallTime now) &&;

 private:
  std::optional<std::string> key_id_;
  std::string signing_input_;
  std::string signature_;
  boost::json::object claims_;
};

}  // namespace epaulet

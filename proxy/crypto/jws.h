#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/jwt_algorithm.h"
#include "crypto/key.h"

/// Signatures of tokens (RFC 7515 section 5.2; RFC 7518 section 3; RFC 8037 section 3.1).
namespace epaulet {

/// What a key is good for: with each kind go certain algorithms and no others, so that no token can
/// have one taken for the other.
enum class JwkKind : std::uint8_t { secret, rsa, p256, p384, p521, ed25519 };

/// Nothing: of another curve, or another kind.
[[nodiscard]] std::optional<JwkKind> jwk_kind_of(const PublicKey& key);
[[nodiscard]] JwkKind jwk_kind_for(JwtAlgorithm algorithm);

/// `key` is of the algorithm's kind.
[[nodiscard]] bool verify_jws(JwtAlgorithm algorithm, const PublicKey& key, std::string_view input,
                              std::string_view signature);
/// The same of HS256, HS384 and HS512, in a time that does not depend on what is wrong.
[[nodiscard]] bool verify_jws(JwtAlgorithm algorithm, std::string_view secret,
                              std::string_view input, std::string_view signature);

/// `key` is of the algorithm's kind.
[[nodiscard]] std::string sign_jws(JwtAlgorithm algorithm, const PrivateKey& key,
                                   std::string_view input);
[[nodiscard]] std::string sign_jws(JwtAlgorithm algorithm, std::string_view secret,
                                   std::string_view input);

/// RFC 7518 section 3.2: a secret is at least as long as the digest.
[[nodiscard]] std::size_t secret_bytes_min(JwtAlgorithm algorithm);

}  // namespace epaulet

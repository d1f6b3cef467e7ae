#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace epaulet {

/// How a token is signed (RFC 7518 section 3.1, RFC 8037 section 3.1). There is no `none`.
enum class JwtAlgorithm : std::uint8_t {
  hs256,
  hs384,
  hs512,
  rs256,
  rs384,
  rs512,
  ps256,
  ps384,
  ps512,
  es256,
  es384,
  es512,
  eddsa,  ///< Ed25519.
};

inline constexpr std::array<std::string_view, 13> kJwtAlgorithmNames{
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
    "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};

[[nodiscard]] constexpr std::string_view name_of(JwtAlgorithm algorithm) {
  return kJwtAlgorithmNames[static_cast<std::size_t>(algorithm)];
}

/// With its case, as JOSE compares them.
[[nodiscard]] constexpr std::optional<JwtAlgorithm> jwt_algorithm(std::string_view name) {
  for (std::size_t i = 0; i < kJwtAlgorithmNames.size(); ++i) {
    if (kJwtAlgorithmNames[i] == name) return static_cast<JwtAlgorithm>(i);
  }
  return std::nullopt;
}

/// Who verifies can also sign: the key is one secret.
[[nodiscard]] constexpr bool is_symmetric(JwtAlgorithm algorithm) {
  return algorithm <= JwtAlgorithm::hs512;
}

}  // namespace epaulet

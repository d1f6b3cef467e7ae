#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/jwt_algorithm.h"
#include "crypto/digest.h"
#include "crypto/jws.h"
#include "crypto/key.h"
#include "crypto/reason.h"

namespace epaulet {

/// A key that verifies tokens.
struct Jwk {
  std::string id;                         ///< `kid`; "" if it has none.
  std::optional<JwtAlgorithm> algorithm;  ///< `alg`: it is for this one alone.
  JwkKind kind = JwkKind::rsa;
  std::optional<PublicKey> key;  ///< Unless it is a secret.
  std::string secret;            ///< Of JwkKind::secret alone. Never shown.

  [[nodiscard]] bool fits(JwtAlgorithm wanted) const {
    return kind == jwk_kind_for(wanted) && (!algorithm || *algorithm == wanted) &&
           (kind != JwkKind::secret || secret.size() >= secret_bytes_min(wanted));
  }
};

/// Of issuers that say nothing else.
inline constexpr JwtAlgorithm kJwtAlgorithmsByDefault[] = {JwtAlgorithm::rs256};

/// A JSON Web Key Set (RFC 7517 section 5), at most limits::kJwksBytesMax. Usable is a key that
/// fits one of the issuer's algorithms: RSA of 2048 to 8192 bits, an elliptic curve's (P-256,
/// P-384, P-521), Ed25519, or a secret as long as its digest; with `use` sig or none, `key_ops`
/// with verify or none, a `kid` that no other has, and no private part. Others are skipped (RFC
/// 7517 section 5 asks for that), each with its reason. Immutable.
class JwkSet {
 public:
  /// `name` stands for the file in reasons. Fails if it is no key set, or if no key is usable.
  [[nodiscard]] static Checked<JwkSet> parse(
      std::string_view bytes, std::string_view name,
      std::span<const JwtAlgorithm> algorithms = kJwtAlgorithmsByDefault);
  /// One secret, for tokens with any `kid` or none. Fails if it is too short for all `algorithms`.
  [[nodiscard]] static Checked<JwkSet> of_secret(std::string_view secret, std::string_view name,
                                                 std::span<const JwtAlgorithm> algorithms);

  /// The key with this id, if it fits. For a token without one: the only key that fits, if there is
  /// but one.
  [[nodiscard]] const Jwk* find(const std::optional<std::string>& id,
                                JwtAlgorithm algorithm = JwtAlgorithm::rs256) const;

  [[nodiscard]] std::span<const Jwk> keys() const { return keys_; }
  /// One sentence for each key that was skipped, or for the first few and all others together.
  [[nodiscard]] const std::vector<std::string>& skipped() const { return skipped_; }
  /// Of the bytes it was read from.
  [[nodiscard]] const Sha256& digest() const { return digest_; }

 private:
  std::vector<Jwk> keys_;
  std::vector<std::string> skipped_;
  Sha256 digest_{};
  bool is_one_secret_ = false;
};

using JwkSetPtr = std::shared_ptr<const JwkSet>;

}  // namespace epaulet

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/digest.h"
#include "crypto/key.h"
#include "crypto/reason.h"

namespace epaulet {

/// A public key for RS256 signatures.
struct Jwk {
  std::string id;  ///< `kid`; "" if it has none.
  PublicKey key;   ///< RSA.
};

/// A JSON Web Key Set (RFC 7517 section 5), at most limits::kJwksBytesMax. Usable is an RSA key of
/// 2048 to 8192 bits with `alg` RS256 or none, `use` sig or none, `key_ops` with verify or none, a
/// `kid` that no other has, and no private part. Others are skipped (RFC 7517 section 5 asks for
/// that), each with its reason. Immutable.
class JwkSet {
 public:
  /// `name` stands for the file in reasons. Fails if it is no key set, or if no key is usable.
  [[nodiscard]] static Checked<JwkSet> parse(std::string_view bytes, std::string_view name);

  /// The key with this id. For a token without one: the only key, if there is but one.
  [[nodiscard]] const Jwk* find(const std::optional<std::string>& id) const;

  [[nodiscard]] std::span<const Jwk> keys() const { return keys_; }
  /// One sentence for each key that was skipped: `key 2 ("k1"): its use is "enc", not "sig"`.
  [[nodiscard]] const std::vector<std::string>& skipped() const { return skipped_; }
  /// Of the bytes it was read from.
  [[nodiscard]] const Sha256& digest() const { return digest_; }

 private:
  std::vector<Jwk> keys_;
  std::vector<std::string> skipped_;
  Sha256 digest_{};
};

}  // namespace epaulet

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/digest.h"
#include "crypto/owned.h"
#include "crypto/reason.h"

namespace epaulet {

enum class KeyType : std::uint8_t { p256, ed25519 };

/// A public key that is strong enough: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or
/// Ed25519.
class PublicKey {
 public:
  /// Refuses weak and unknown kinds. `key` keeps its own reference; a private part is left behind.
  [[nodiscard]] static Checked<PublicKey> from(evp_pkey_st* key);

  /// "ECDSA P-256", "Ed25519", "RSA 2048".
  [[nodiscard]] std::string kind() const;
  /// SHA-256 of the DER form (SubjectPublicKeyInfo): names the key.
  [[nodiscard]] Sha256 digest() const;
  [[nodiscard]] evp_pkey_st* get() const { return key_.get(); }
  [[nodiscard]] bool matches(evp_pkey_st* other) const;

 private:
  explicit PublicKey(Owned<evp_pkey_st> key) : key_(std::move(key)) {}
  Owned<evp_pkey_st> key_;
};

/// A private key, of the same kinds. Never printed: only to_pem() lets it out.
class PrivateKey {
 public:
  [[nodiscard]] static PrivateKey generate(KeyType type);
  /// PKCS#8, SEC 1 or PKCS#1 PEM, unencrypted: a sidecar has nobody to ask for a passphrase.
  /// `name` stands for the key in the reason.
  [[nodiscard]] static Checked<PrivateKey> from_pem(std::string_view pem, std::string_view name);

  /// PKCS#8. The caller keeps it from logs and writes it with mode 0600.
  [[nodiscard]] std::string to_pem() const;
  [[nodiscard]] PublicKey public_key() const;
  [[nodiscard]] evp_pkey_st* get() const { return key_.get(); }

 private:
  explicit PrivateKey(Owned<evp_pkey_st> key) : key_(std::move(key)) {}
  Owned<evp_pkey_st> key_;
};

/// Why a key is not good enough, or nothing.
[[nodiscard]] std::optional<std::string> weakness_of(evp_pkey_st* key);

}  // namespace epaulet

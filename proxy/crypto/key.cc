#include "crypto/key.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>

#include "base/assert.h"
#include "base/limits.h"

namespace epaulet {
namespace {

constexpr int kRsaBitsMin = 2048;
/// Larger ones only make every handshake slow.
constexpr int kRsaBitsMax = 8192;

/// "P-256" and so on; "" for explicit parameters and for curves that nobody should use.
std::string_view curve_of(evp_pkey_st* key) {
  std::array<char, 64> name{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &length) != 1) {
    (void)drain_openssl_errors();
    return "";
  }
  const std::string_view group(name.data(), length);
  if (group == "prime256v1" || group == "P-256") return "P-256";
  if (group == "secp384r1" || group == "P-384") return "P-384";
  if (group == "secp521r1" || group == "P-521") return "P-521";
  return "";
}

/// OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

std::optional<std::string> weakness_of(evp_pkey_st* key) {
  const int type = EVP_PKEY_get_base_id(key);
  if (type == EVP_PKEY_ED25519) return std::nullopt;
  if (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < kRsaBitsMin)
      return fmt::format("an RSA key of {} bits is too weak (at least {})", bits, kRsaBitsMin);
    if (bits > kRsaBitsMax)
      return fmt::format("an RSA key of {} bits is too slow (at most {})", bits, kRsaBitsMax);
    return std::nullopt;
  }
  if (type == EVP_PKEY_EC) {
    if (curve_of(key).empty()) return "an ECDSA key must be on P-256, P-384 or P-521";
    return std::nullopt;
  }
  const char* name = EVP_PKEY_get0_type_name(key);
  return fmt::format("keys of the kind {} are not supported", name != nullptr ? name : "unknown");
}

Checked<PublicKey> PublicKey::from(evp_pkey_st* key) {
  constexpr const char* kRemedy = "use ECDSA P-256, Ed25519 or RSA with 2048 bits or more";
  if (key == nullptr) return Reason("there is no public key that OpenSSL can read", kRemedy);
  if (auto weakness = weakness_of(key)) return Reason(*weakness, kRemedy);
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  if (length <= 0) return Reason("the public key is broken: " + drain_openssl_errors(), kRemedy);
  const unsigned char* cursor = der;
  Owned<evp_pkey_st> copy(d2i_PUBKEY(nullptr, &cursor, length));
  OPENSSL_free(der);
  if (!copy) return Reason("the public key is broken: " + drain_openssl_errors(), kRemedy);
  return PublicKey(std::move(copy));
}

std::string PublicKey::kind() const {
  const int type = EVP_PKEY_get_base_id(get());
  if (type == EVP_PKEY_ED25519) return "Ed25519";
  if (type == EVP_PKEY_EC) return fmt::format("ECDSA {}", curve_of(get()));
  return fmt::format("RSA {}", EVP_PKEY_get_bits(get()));
}

Sha256 PublicKey::digest() const {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(get(), &der);
  EPAULET_ASSERT(length > 0);
  const auto digest = sha256({der, static_cast<std::size_t>(length)});
  OPENSSL_free(der);
  return digest;
}

bool PublicKey::matches(evp_pkey_st* other) const {
  const bool equal = other != nullptr && EVP_PKEY_eq(get(), other) == 1;
  if (!equal) (void)drain_openssl_errors();
  return equal;
}

PrivateKey PrivateKey::generate(KeyType type) {
  Owned<evp_pkey_st> key(type == KeyType::p256 ? EVP_EC_gen("P-256")
                                               : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  EPAULET_ASSERT(key != nullptr);  // Only without entropy or memory.
  return PrivateKey(std::move(key));
}

Checked<PrivateKey> PrivateKey::from_pem(std::string_view pem, std::string_view name) {
  if (pem.size() > limits::kPemBytesMax)
    return Reason(fmt::format("{} is too large for a key", name), "");
  Owned<bio_st> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Owned<evp_pkey_st> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    const bool encrypted = pem.find("ENCRYPTED") != std::string_view::npos;
    return Reason(
        fmt::format(
            "{} holds no usable private key: {}", name,
            encrypted ? (void(drain_openssl_errors()), "it is encrypted") : drain_openssl_errors()),
        encrypted
            ? "decrypt it: a sidecar has nobody to ask for a passphrase"
            : "it must be an unencrypted PEM private key, as `epaulet-certs issue` writes it");
  }
  if (auto weakness = weakness_of(key.get())) {
    return Reason(fmt::format("{}: {}", name, *weakness),
                  "use ECDSA P-256, Ed25519 or RSA with 2048 bits or more");
  }
  return PrivateKey(std::move(key));
}

std::string PrivateKey::to_pem() const {
  Owned<bio_st> bio(BIO_new(BIO_s_secmem()));
  EPAULET_ASSERT(bio != nullptr);
  EPAULET_ASSERT(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  const char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

PublicKey PrivateKey::public_key() const {
  auto key = PublicKey::from(get());
  EPAULET_ASSERT(key.has_value());  // from_pem() looked at its strength.
  return std::move(*key);
}

}  // namespace epaulet

#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "crypto/owned.h"

/// Keys, key sets and tokens for tests, made when they run: no private key lies in the repository.
namespace epaulet {

[[nodiscard]] inline std::string base64url(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6; held -= 6) out += kAlphabet[bits >> (held - 6) & 63];
  }
  if (held > 0) out += kAlphabet[bits << (6 - held) & 63];
  return out;
}

/// An RSA key pair of a test.
class TestKey {
 public:
  explicit TestKey(unsigned bits = 2048)
      : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits))) {
    EPAULET_ASSERT(key_ != nullptr);
  }

  [[nodiscard]] std::string modulus() const { return number(OSSL_PKEY_PARAM_RSA_N); }
  [[nodiscard]] std::string exponent() const { return number(OSSL_PKEY_PARAM_RSA_E); }

  /// `{"kty":"RSA","n":...,"e":...` and `members`, for example `,"kid":"k1"`.
  [[nodiscard]] std::string jwk(std::string_view members = "") const {
    return R"({"kty":"RSA","n":")" + base64url(modulus()) + R"(","e":")" + base64url(exponent()) +
           '"' + std::string(members) + "}";
  }
  [[nodiscard]] std::string jwks(std::string_view members = R"(,"kid":"k1")") const {
    return R"({"keys":[)" + jwk(members) + "]}";
  }

  /// PKCS #1 v1.5 with `digest`.
  [[nodiscard]] std::string sign(std::string_view input,
                                 const EVP_MD* digest = EVP_sha256()) const {
    const Owned<evp_md_ctx_st> context(EVP_MD_CTX_new());
    std::size_t size = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(input.data());
    EPAULET_ASSERT(EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1);
    EPAULET_ASSERT(EVP_DigestSign(context.get(), nullptr, &size, data, input.size()) == 1);
    std::string signature(size, '\0');
    EPAULET_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                  &size, data, input.size()) == 1);
    signature.resize(size);
    return signature;
  }
  /// A compact JWS of the two texts, whatever they say.
  [[nodiscard]] std::string token(std::string_view header, std::string_view claims) const {
    const std::string input = base64url(header) + "." + base64url(claims);
    return input + "." + base64url(sign(input));
  }

  [[nodiscard]] std::string public_pem() const {
    const Owned<bio_st> bio(BIO_new(BIO_s_mem()));
    EPAULET_ASSERT(PEM_write_bio_PUBKEY(bio.get(), key_.get()) == 1);
    const char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(length)};
  }

 private:
  [[nodiscard]] std::string number(const char* name) const {
    BIGNUM* value = nullptr;
    EPAULET_ASSERT(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
    BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(value);
    return bytes;
  }
  Owned<evp_pkey_st> key_;
};

/// One key for all tests of a program: making one takes a tenth of a second.
[[nodiscard]] inline const TestKey& test_key() {
  static const TestKey key;
  return key;
}
/// Another one.
[[nodiscard]] inline const TestKey& foreign_key() {
  static const TestKey key;
  return key;
}

[[nodiscard]] inline std::string hmac_sha256(std::string_view secret, std::string_view input) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest, &length);
  return {reinterpret_cast<const char*>(digest), length};
}

}  // namespace epaulet

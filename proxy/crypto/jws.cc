#include "crypto/jws.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <array>
#include <memory>

#include "base/assert.h"

namespace epaulet {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

const EVP_MD* digest_of(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::hs256:
    case JwtAlgorithm::rs256:
    case JwtAlgorithm::ps256:
    case JwtAlgorithm::es256:
      return EVP_sha256();
    case JwtAlgorithm::hs384:
    case JwtAlgorithm::rs384:
    case JwtAlgorithm::ps384:
    case JwtAlgorithm::es384:
      return EVP_sha384();
    case JwtAlgorithm::hs512:
    case JwtAlgorithm::rs512:
    case JwtAlgorithm::ps512:
    case JwtAlgorithm::es512:
      return EVP_sha512();
    case JwtAlgorithm::eddsa:
      return nullptr;  // It hashes by itself.
  }
  return nullptr;
}

/// RFC 7518 section 3.4: how long r and s are each; 0 if the signature has no such parts.
std::size_t number_bytes_of(JwtAlgorithm algorithm) {
  switch (jwk_kind_for(algorithm)) {
    case JwkKind::p256:
      return 32;
    case JwkKind::p384:
      return 48;
    case JwkKind::p521:
      return 66;
    case JwkKind::secret:
    case JwkKind::rsa:
    case JwkKind::ed25519:
      return 0;
  }
  return 0;
}

bool is_pss(JwtAlgorithm algorithm) {
  return algorithm >= JwtAlgorithm::ps256 && algorithm <= JwtAlgorithm::ps512;
}

struct FreeSignature {
  void operator()(ECDSA_SIG* object) const { ECDSA_SIG_free(object); }
};

/// RFC 7518 section 3.4: r and s, each as long as the curve's numbers. OpenSSL wants DER. Nothing
/// for any other length.
std::optional<std::string> der_of(std::string_view signature, std::size_t number_bytes) {
  if (signature.size() != 2 * number_bytes) return std::nullopt;
  const std::unique_ptr<ECDSA_SIG, FreeSignature> both(ECDSA_SIG_new());
  const auto number = [&](std::size_t at) {
    return BN_bin2bn(bytes_of(signature) + at, static_cast<int>(number_bytes), nullptr);
  };
  EPAULET_ASSERT(both != nullptr && ECDSA_SIG_set0(both.get(), number(0), number(number_bytes)));
  std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(both.get(), nullptr)), '\0');
  auto* cursor = reinterpret_cast<unsigned char*>(der.data());
  (void)i2d_ECDSA_SIG(both.get(), &cursor);
  return der;
}

/// The other way.
std::string numbers_of(std::string_view der, int number_bytes) {
  const auto* cursor = bytes_of(der);
  const std::unique_ptr<ECDSA_SIG, FreeSignature> both(
      d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size())));
  EPAULET_ASSERT(both != nullptr);
  std::string out(2 * static_cast<std::size_t>(number_bytes), '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  EPAULET_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), bytes, number_bytes) == number_bytes &&
                 BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), bytes + number_bytes, number_bytes) ==
                     number_bytes);
  return out;
}

/// RSASSA-PSS has a salt as long as the digest, and that digest for its mask (RFC 7518 section
/// 3.5). PKCS #1 v1.5 is what an RSA key verifies unless told otherwise.
bool set_padding(JwtAlgorithm algorithm, EVP_PKEY_CTX* context) {
  if (!is_pss(algorithm)) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest_of(algorithm)) == 1;
}

bool verify_by_evp(JwtAlgorithm algorithm, evp_pkey_st* key, std::string_view input,
                   std::string_view signature) {
  const Owned<evp_md_ctx_st> context(EVP_MD_CTX_new());
  EPAULET_ASSERT(context != nullptr);
  EVP_PKEY_CTX* of_key = nullptr;
  const bool good =
      EVP_DigestVerifyInit(context.get(), &of_key, digest_of(algorithm), nullptr, key) == 1 &&
      set_padding(algorithm, of_key) &&
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(input),
                       input.size()) == 1;
  if (!good) ERR_clear_error();  // The next caller must not read this token's error.
  return good;
}

}  // namespace

std::optional<JwkKind> jwk_kind_of(const PublicKey& key) {
  const std::string kind = key.kind();
  if (kind == "Ed25519") return JwkKind::ed25519;
  if (kind == "ECDSA P-256") return JwkKind::p256;
  if (kind == "ECDSA P-384") return JwkKind::p384;
  if (kind == "ECDSA P-521") return JwkKind::p521;
  if (kind.starts_with("RSA ")) return JwkKind::rsa;
  return std::nullopt;
}

JwkKind jwk_kind_for(JwtAlgorithm algorithm) {
  if (is_symmetric(algorithm)) return JwkKind::secret;
  if (algorithm == JwtAlgorithm::es256) return JwkKind::p256;
  if (algorithm == JwtAlgorithm::es384) return JwkKind::p384;
  if (algorithm == JwtAlgorithm::es512) return JwkKind::p521;
  return algorithm == JwtAlgorithm::eddsa ? JwkKind::ed25519 : JwkKind::rsa;
}

bool verify_jws(JwtAlgorithm algorithm, const PublicKey& key, std::string_view input,
                std::string_view signature) {
  EPAULET_ASSERT(jwk_kind_of(key) == jwk_kind_for(algorithm));
  const std::size_t number_bytes = number_bytes_of(algorithm);
  if (number_bytes == 0) return verify_by_evp(algorithm, key.get(), input, signature);
  const auto der = der_of(signature, number_bytes);
  return der && verify_by_evp(algorithm, key.get(), input, *der);
}

bool verify_jws(JwtAlgorithm algorithm, std::string_view secret, std::string_view input,
                std::string_view signature) {
  const std::string expected = sign_jws(algorithm, secret, input);
  return signature.size() == expected.size() &&
         CRYPTO_memcmp(expected.data(), signature.data(), expected.size()) == 0;
}

std::string sign_jws(JwtAlgorithm algorithm, const PrivateKey& key, std::string_view input) {
  EPAULET_ASSERT(jwk_kind_of(key.public_key()) == jwk_kind_for(algorithm));
  const Owned<evp_md_ctx_st> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* of_key = nullptr;
  std::size_t size = 0;
  EPAULET_ASSERT(
      context != nullptr &&
      EVP_DigestSignInit(context.get(), &of_key, digest_of(algorithm), nullptr, key.get()) == 1 &&
      set_padding(algorithm, of_key) &&
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(input), input.size()) == 1);
  std::string signature(size, '\0');
  EPAULET_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                &size, bytes_of(input), input.size()) == 1);
  signature.resize(size);
  const std::size_t number_bytes = number_bytes_of(algorithm);
  return number_bytes == 0 ? signature : numbers_of(signature, static_cast<int>(number_bytes));
}

std::string sign_jws(JwtAlgorithm algorithm, std::string_view secret, std::string_view input) {
  EPAULET_ASSERT(is_symmetric(algorithm) && secret.size() >= secret_bytes_min(algorithm));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EPAULET_ASSERT(HMAC(digest_of(algorithm), secret.data(), static_cast<int>(secret.size()),
                      bytes_of(input), input.size(), digest.data(), &length) != nullptr);
  return {reinterpret_cast<const char*>(digest.data()), length};
}

std::size_t secret_bytes_min(JwtAlgorithm algorithm) {
  EPAULET_ASSERT(is_symmetric(algorithm));
  return static_cast<std::size_t>(EVP_MD_get_size(digest_of(algorithm)));
}

}  // namespace epaulet

#include "crypto/certificate_builder.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/assert.h"

namespace epaulet {
namespace {

constexpr int kSerialBits = 128;

std::time_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

// What fails below fails only without memory or through a mistake of ours, hence the assertions.
CertificateBuilder::CertificateBuilder(const PublicKey& subject_key) : x509_(X509_new()) {
  EPAULET_ASSERT(X509_set_version(x509_.get(), X509_VERSION_3) == 1);
  BIGNUM* serial = BN_new();
  do {
    EPAULET_ASSERT(BN_rand(serial, kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1);
  } while (BN_is_zero(serial));
  EPAULET_ASSERT(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509_.get())) != nullptr);
  BN_free(serial);
  EPAULET_ASSERT(X509_set_pubkey(x509_.get(), subject_key.get()) == 1);
}

CertificateBuilder& CertificateBuilder::subject(const char* type, std::string_view value) {
  EPAULET_ASSERT(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509_.get()), type, MBSTRING_UTF8,
                                            reinterpret_cast<const unsigned char*>(value.data()),
                                            static_cast<int>(value.size()), -1, 0) == 1);
  return *this;
}

CertificateBuilder& CertificateBuilder::validity(WallTime not_before, WallTime not_after) {
  EPAULET_ASSERT(ASN1_TIME_set(X509_getm_notBefore(x509_.get()), seconds_of(not_before)) !=
                 nullptr);
  EPAULET_ASSERT(ASN1_TIME_set(X509_getm_notAfter(x509_.get()), seconds_of(not_after)) != nullptr);
  return *this;
}

CertificateBuilder& CertificateBuilder::issuer(const Certificate& issuer) {
  issuer_ = share(issuer.get());
  return *this;
}

CertificateBuilder& CertificateBuilder::extension(int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer_ ? issuer_.get() : x509_.get(), x509_.get(), nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  EPAULET_ASSERT(extension != nullptr);
  EPAULET_ASSERT(X509_add_ext(x509_.get(), extension.get(), -1) == 1);
  return *this;
}

Certificate CertificateBuilder::sign(const PrivateKey& signer) {
  x509_st* issuer = issuer_ ? issuer_.get() : x509_.get();
  EPAULET_ASSERT(X509_set_issuer_name(x509_.get(), X509_get_subject_name(issuer)) == 1);
  // Ed25519 hashes by itself.
  const EVP_MD* digest =
      EVP_PKEY_get_base_id(signer.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  EPAULET_ASSERT(X509_sign(x509_.get(), signer.get(), digest) > 0);
  return Certificate::of(x509_.get());
}

}  // namespace epaulet

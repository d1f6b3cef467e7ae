#include "crypto/csr.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "base/assert.h"
#include "base/limits.h"

namespace epaulet {
namespace {

struct FreeRequest {
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
};
using OwnedRequest = std::unique_ptr<X509_REQ, FreeRequest>;

constexpr const char* kRemedy =
    "send one PEM certificate request, as `openssl req -new` makes it for an ECDSA P-256 or "
    "Ed25519 key";

}  // namespace

std::string make_csr(const PrivateKey& key) {
  const OwnedRequest request(X509_REQ_new());
  EPAULET_ASSERT(X509_REQ_set_version(request.get(), 0) == 1);
  EPAULET_ASSERT(X509_REQ_set_pubkey(request.get(), key.get()) == 1);
  const EVP_MD* digest =
      EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  EPAULET_ASSERT(X509_REQ_sign(request.get(), key.get(), digest) > 0);
  const Owned<bio_st> bio(BIO_new(BIO_s_mem()));
  EPAULET_ASSERT(PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1);
  const char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

Checked<PublicKey> key_of_csr(std::string_view pem) {
  if (pem.size() > limits::kPemBytesMax) return Reason("the request is too large", kRemedy);
  const Owned<bio_st> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const OwnedRequest request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (!request) {
    return Reason("this is no certificate request: " + drain_openssl_errors(), kRemedy);
  }
  evp_pkey_st* const key = X509_REQ_get0_pubkey(request.get());
  auto wanted = PublicKey::from(key);
  if (!wanted) {
    (void)drain_openssl_errors();
    return wanted.error();
  }
  if (X509_REQ_verify(request.get(), key) != 1) {
    (void)drain_openssl_errors();
    return Reason("the certificate request is not signed with its own key", kRemedy);
  }
  return wanted;
}

}  // namespace epaulet

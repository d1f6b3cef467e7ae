#include "crypto/owned.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string>

namespace epaulet {

void OpensslFree::operator()(bio_st* object) const {
  BIO_free_all(object);
}
void OpensslFree::operator()(evp_pkey_st* object) const {
  EVP_PKEY_free(object);
}
void OpensslFree::operator()(evp_md_ctx_st* object) const {
  EVP_MD_CTX_free(object);
}
void OpensslFree::operator()(ssl_st* object) const {
  SSL_free(object);
}
void OpensslFree::operator()(ssl_ctx_st* object) const {
  SSL_CTX_free(object);
}
void OpensslFree::operator()(ssl_session_st* object) const {
  SSL_SESSION_free(object);
}
void OpensslFree::operator()(x509_st* object) const {
  X509_free(object);
}
void OpensslFree::operator()(X509_extension_st* object) const {
  X509_EXTENSION_free(object);
}
void OpensslFree::operator()(x509_store_st* object) const {
  X509_STORE_free(object);
}
void OpensslFree::operator()(x509_store_ctx_st* object) const {
  X509_STORE_CTX_free(object);
}

Owned<evp_pkey_st> share(evp_pkey_st* object) {
  EVP_PKEY_up_ref(object);
  return Owned<evp_pkey_st>(object);
}

Owned<x509_st> share(x509_st* object) {
  X509_up_ref(object);
  return Owned<x509_st>(object);
}

std::string drain_openssl_errors() {
  std::string text;
  int kept = 0;
  while (const unsigned long error = ERR_get_error()) {
    if (kept++ == 3) break;  // The outer ones repeat the inner one in other words.
    const char* reason = ERR_reason_error_string(error);
    if (!text.empty()) text += ", ";
    text += reason != nullptr ? reason : "error " + std::to_string(ERR_GET_REASON(error));
  }
  ERR_clear_error();
  return text.empty() ? "no details from OpenSSL" : text;
}

}  // namespace epaulet

#pragma once

#include <memory>
#include <string>

struct bio_st;
struct evp_pkey_st;
struct evp_md_ctx_st;
struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct x509_st;
struct X509_extension_st;
struct x509_store_st;
struct x509_store_ctx_st;

namespace epaulet {

/// Frees what OpenSSL allocated. One deleter for all, so that headers need no OpenSSL header.
struct OpensslFree {
  void operator()(bio_st* object) const;
  void operator()(evp_pkey_st* object) const;
  void operator()(evp_md_ctx_st* object) const;
  void operator()(ssl_st* object) const;
  void operator()(ssl_ctx_st* object) const;
  void operator()(ssl_session_st* object) const;
  void operator()(x509_st* object) const;
  void operator()(X509_extension_st* object) const;
  void operator()(x509_store_st* object) const;
  void operator()(x509_store_ctx_st* object) const;
};

/// Owns one reference to an OpenSSL object.
template <class T>
using Owned = std::unique_ptr<T, OpensslFree>;

/// Another owner of the same object (OpenSSL counts references).
[[nodiscard]] Owned<evp_pkey_st> share(evp_pkey_st* object);
[[nodiscard]] Owned<x509_st> share(x509_st* object);

/// Says in a few words what OpenSSL's error queue of this thread holds, innermost error first, and
/// empties it. Everything that calls OpenSSL and fails must call this, or the next caller reads a
/// stranger's error.
[[nodiscard]] std::string drain_openssl_errors();

}  // namespace epaulet

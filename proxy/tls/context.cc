#include "tls/context.h"

#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "base/limits.h"
#include "tls/callbacks.h"

namespace epaulet {
namespace {

constexpr const char* kGroups = "X25519:P-256";
constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/// OpenSSL's level 2: 112 bits, so no RSA below 2048 and no SHA-1 in any chain.
constexpr int kSecurityLevel = 2;

Checked<Owned<ssl_ctx_st>> make_context(const Identity& identity, const SSL_METHOD* method) {
  Owned<ssl_ctx_st> context(SSL_CTX_new(method));
  EPAULET_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_security_level(context.get(), kSecurityLevel);
  EPAULET_ASSERT(SSL_CTX_set1_groups_list(context.get(), kGroups) == 1);
  EPAULET_ASSERT(SSL_CTX_set_ciphersuites(context.get(), kCipherSuites) == 1);
  // No middlebox stands between two sidecars, so their compatibility messages are left out.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_clear_options(context.get(), SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
  // NO_AUTO_CHAIN: else OpenSSL would send the root along.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_early_data(context.get(), 0);
  SSL_CTX_set_max_cert_list(context.get(), static_cast<long>(limits::kPeerCertificateBytesMax));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_store(context.get(), make_trust_store(identity.bundle()).release());
  bool usable = SSL_CTX_use_certificate(context.get(), identity.leaf().get()) == 1 &&
                SSL_CTX_use_PrivateKey(context.get(), identity.key().get()) == 1;
  for (std::size_t i = 1; usable && i < identity.chain().size(); ++i) {
    const auto& certificate = identity.chain()[i];
    if (certificate.is_self_issued()) continue;  // The peer has the root, or does not trust it.
    usable = SSL_CTX_add1_chain_cert(context.get(), certificate.get()) == 1;
  }
  if (!usable) {
    return Reason("OpenSSL does not take the certificate of " + identity.id().text() + ": " +
                      drain_openssl_errors(),
                  "issue it anew with `epaulet-certs issue`");
  }
  return context;
}

/// An identity on both sides of a resumed session must be what it was when the session began.
std::string generation_of(const Identity& identity) {
  const auto& digest = identity.bundle_digest();
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size()) +
         identity.id().text();
}

}  // namespace

TlsContext::TlsContext(std::shared_ptr<const Identity> identity)
    : identity_(std::move(identity)), session_generation_(generation_of(*identity_)) {}

Checked<std::shared_ptr<const TlsContext>> TlsContext::make(
    std::shared_ptr<const Identity> identity, const TlsContext* previous) {
  auto made = std::shared_ptr<TlsContext>(new TlsContext(std::move(identity)));
  const Identity& own = made->identity();
  auto server = make_context(own, TLS_server_method());
  if (!server) return server.error();
  auto client = make_context(own, TLS_client_method());
  if (!client) return client.error();
  made->server_ = std::move(*server);
  made->client_ = std::move(*client);

  if (previous != nullptr && previous->session_generation_ == made->session_generation_ &&
      previous->identity().leaf().fingerprint() == own.leaf().fingerprint()) {
    made->ticket_keys_ = previous->ticket_keys_;
  } else {
    EPAULET_ASSERT(RAND_priv_bytes(made->ticket_keys_.data(),
                                   static_cast<int>(made->ticket_keys_.size())) == 1);
  }
  EPAULET_ASSERT(SSL_CTX_set_tlsext_ticket_keys(made->server_.get(), made->ticket_keys_.data(),
                                                made->ticket_keys_.size()) == 1);
  EPAULET_ASSERT(
      SSL_CTX_set_session_id_context(made->server_.get(), own.bundle_digest().data(),
                                     static_cast<unsigned>(own.bundle_digest().size())) == 1);
  SSL_CTX_set_num_tickets(made->server_.get(), 1);
  SSL_CTX_set_session_cache_mode(made->server_.get(),
                                 SSL_SESS_CACHE_OFF);  // Tickets alone: nothing to share.
  SSL_CTX_set_session_cache_mode(made->client_.get(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  TlsCallbacks::install_on_server(made->server_.get());
  TlsCallbacks::install_on_client(made->client_.get());
  return std::shared_ptr<const TlsContext>(std::move(made));
}

}  // namespace epaulet

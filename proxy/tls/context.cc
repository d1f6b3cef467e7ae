#include "tls/context.h"

#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/address.h"
#include "base/assert.h"
#include "base/limits.h"
#include "tls/callbacks.h"

namespace epaulet {
namespace {

/// The hybrid first, where the OpenSSL at hand has it (3.5): what is recorded today stays closed to
/// the quantum computers of later (FIPS 203, draft-ietf-tls-ecdhe-mlkem).
constexpr const char* kGroups[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};
constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/// Of the keys that certificates may have. No PKCS#1: TLS 1.3 has it for certificates only
/// (RFC 8446 section 4.2.3), and those of this mesh are ECDSA or Ed25519.
constexpr const char* kSignatures =
    "ecdsa_secp256r1_sha256:ed25519:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:"
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256";
/// Of TLS 1.2, outside of the mesh: both also with PKCS #1, which public authorities sign with.
constexpr const char* kWebCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kWebSignatures =
    "ecdsa_secp256r1_sha256:ed25519:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:"
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:"
    "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";
/// OpenSSL's level 2: 112 bits, so no RSA below 2048 and no SHA-1 in any chain.
constexpr int kSecurityLevel = 2;

void choose_groups(ssl_ctx_st* context) {
  for (const char* groups : kGroups) {
    if (SSL_CTX_set1_groups_list(context, groups) == 1) return;
    (void)drain_openssl_errors();  // This OpenSSL does not know the first of them.
  }
  EPAULET_ASSERT(false);
}

Owned<ssl_ctx_st> make_context(const Trust& trust, const SSL_METHOD* method) {
  Owned<ssl_ctx_st> context(SSL_CTX_new(method));
  EPAULET_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_security_level(context.get(), kSecurityLevel);
  choose_groups(context.get());
  EPAULET_ASSERT(SSL_CTX_set_ciphersuites(context.get(), kCipherSuites) == 1);
  EPAULET_ASSERT(SSL_CTX_set1_sigalgs_list(context.get(), kSignatures) == 1);
  // No middlebox stands between two sidecars, so their compatibility messages are left out.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_clear_options(context.get(), SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
  // NO_AUTO_CHAIN: else OpenSSL would send the root along.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_early_data(context.get(), 0);
  SSL_CTX_set_max_cert_list(context.get(), static_cast<long>(limits::kPeerCertificateBytesMax));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_store(context.get(), make_trust_store(trust.bundle).release());
  return context;
}

Checked<void> present(ssl_ctx_st* context, const Identity& identity) {
  bool usable = SSL_CTX_use_certificate(context, identity.leaf().get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, identity.key().get()) == 1;
  for (std::size_t i = 1; usable && i < identity.chain().size(); ++i) {
    const auto& certificate = identity.chain()[i];
    if (certificate.is_self_issued()) continue;  // The peer has the root, or does not trust it.
    usable = SSL_CTX_add1_chain_cert(context, certificate.get()) == 1;
  }
  if (usable) return {};
  return Reason("OpenSSL does not take the certificate of " + identity.id().text() + ": " +
                    drain_openssl_errors(),
                "issue it anew with `epaulet-certs issue`");
}

Trust trust_of(const Identity& identity) {
  return {std::string(identity.id().trust_domain()), identity.bundle()};
}

/// An identity on both sides of a resumed session must be what it was when the session began.
std::string generation_of(const Identity* identity) {
  if (identity == nullptr) return "";
  const auto& digest = identity->bundle_digest();
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size()) +
         identity->id().text();
}

}  // namespace

TlsContext::TlsContext(Purpose purpose, Trust trust, std::shared_ptr<const Identity> identity)
    : purpose_(purpose),
      trust_(std::move(trust)),
      identity_(std::move(identity)),
      session_generation_(generation_of(identity_.get())) {}

Checked<std::shared_ptr<const TlsContext>> TlsContext::make(
    std::shared_ptr<const Identity> identity, const TlsContext* previous) {
  auto trust = trust_of(*identity);
  auto made = std::shared_ptr<TlsContext>(
      new TlsContext(Purpose::mesh, std::move(trust), std::move(identity)));
  const Identity& own = made->identity();
  made->server_ = make_context(made->trust_, TLS_server_method());
  made->client_ = make_context(made->trust_, TLS_client_method());
  for (auto* context : {made->server_.get(), made->client_.get()}) {
    if (auto presented = present(context, own); !presented) return presented.error();
  }

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

Checked<std::shared_ptr<const TlsContext>> TlsContext::for_identity_service(
    std::shared_ptr<const Identity> identity) {
  return for_service(Purpose::identity_service, std::move(identity), SSL_VERIFY_PEER);
}

Checked<std::shared_ptr<const TlsContext>> TlsContext::for_member_service(
    std::shared_ptr<const Identity> identity) {
  return for_service(Purpose::member_service, std::move(identity),
                     SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
}

Checked<std::shared_ptr<const TlsContext>> TlsContext::for_service(
    Purpose purpose, std::shared_ptr<const Identity> identity, int verify_mode) {
  auto trust = trust_of(*identity);
  auto made =
      std::shared_ptr<TlsContext>(new TlsContext(purpose, std::move(trust), std::move(identity)));
  made->server_ = make_context(made->trust_, TLS_server_method());
  if (auto presented = present(made->server_.get(), made->identity()); !presented)
    return presented.error();
  SSL_CTX_set_verify(made->server_.get(), verify_mode, nullptr);
  // A sidecar comes once in hours, so there is nothing to resume.
  SSL_CTX_set_num_tickets(made->server_.get(), 0);
  SSL_CTX_set_session_cache_mode(made->server_.get(), SSL_SESS_CACHE_OFF);
  TlsCallbacks::install_on_identity_service(made->server_.get());
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Checked<std::shared_ptr<const TlsContext>> TlsContext::for_identity_client(
    Trust trust, std::shared_ptr<const Identity> own) {
  auto made = std::shared_ptr<TlsContext>(
      new TlsContext(Purpose::identity_client, std::move(trust), std::move(own)));
  made->client_ = make_context(made->trust_, TLS_client_method());
  if (made->has_identity()) {
    if (auto presented = present(made->client_.get(), made->identity()); !presented)
      return presented.error();
  }
  SSL_CTX_set_session_cache_mode(made->client_.get(), SSL_SESS_CACHE_OFF);
  TlsCallbacks::install_on_identity_client(made->client_.get());
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Checked<std::shared_ptr<const TlsContext>> TlsContext::for_web_server(
    const std::vector<Certificate>& chain, const PrivateKey& key) {
  auto made = std::shared_ptr<TlsContext>(new TlsContext(Purpose::web_server, Trust(), nullptr));
  made->server_ = make_context(made->trust_, TLS_server_method());
  auto* context = made->server_.get();
  SSL_CTX_set1_sigalgs_list(context, kWebSignatures);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  bool usable = SSL_CTX_use_certificate(context, chain.front().get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
                SSL_CTX_check_private_key(context) == 1;
  for (std::size_t i = 1; usable && i < chain.size(); ++i) {
    if (!chain[i].is_self_issued()) usable = SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  }
  if (!usable) {
    return Reason("OpenSSL does not take " + short_name(chain.front()) +
                      " with its key: " + drain_openssl_errors(),
                  "give a certificate and the key that it was made for");
  }
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  TlsCallbacks::install_on_web_server(context);
  return std::shared_ptr<const TlsContext>(std::move(made));
}

namespace {

/// What is the same whoever answers.
void allow_web_servers(ssl_ctx_st* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  EPAULET_ASSERT(SSL_CTX_set_cipher_list(context, kWebCiphers) == 1);
  EPAULET_ASSERT(SSL_CTX_set1_sigalgs_list(context, kWebSignatures) == 1);
  // Middleboxes do stand on the way to others.
  SSL_CTX_set_options(context, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

}  // namespace

std::shared_ptr<const TlsContext> TlsContext::for_unverified_client() {
  auto made = std::shared_ptr<TlsContext>(new TlsContext(Purpose::web_client, Trust(), nullptr));
  made->client_ = make_context(made->trust_, TLS_client_method());
  auto* context = made->client_.get();
  allow_web_servers(context);
  SSL_CTX_set_security_level(context, 1);  // An app's own certificate may be an old one.
  TlsCallbacks::install_on_unverified_client(context);
  return made;
}

Checked<std::shared_ptr<const TlsContext>> TlsContext::for_web_client(
    std::optional<std::vector<Certificate>> roots, const std::string& host) {
  const bool uses_system = !roots;
  Trust trust;
  trust.trust_domain = host;
  if (roots) trust.bundle = std::move(*roots);
  auto made =
      std::shared_ptr<TlsContext>(new TlsContext(Purpose::web_client, std::move(trust), nullptr));
  made->client_ = make_context(made->trust_, TLS_client_method());
  auto* context = made->client_.get();
  allow_web_servers(context);
  if (uses_system && SSL_CTX_set_default_verify_paths(context) != 1) {
    return Reason("the system's root certificates cannot be read: " + drain_openssl_errors(),
                  "install them (ca-certificates), or name a file of roots");
  }
  auto* names = SSL_CTX_get0_param(context);
  // A name in the subject is none (RFC 6125 section 6.4.4).
  X509_VERIFY_PARAM_set_hostflags(
      names, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool is_address = IpAddress::parse(host).has_value();
  const int is_set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(names, host.c_str())
                                : X509_VERIFY_PARAM_set1_host(names, host.c_str(), host.size());
  if (host.empty() || is_set != 1) {
    (void)drain_openssl_errors();
    return Reason(host + " is neither a name nor an address", "give the server's name");
  }
  TlsCallbacks::install_on_web_client(context);
  return std::shared_ptr<const TlsContext>(std::move(made));
}

}  // namespace epaulet

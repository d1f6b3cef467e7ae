#include "tls/callbacks.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/last_part.h"
#include "tls/engine.h"

namespace epaulet {
namespace {

TlsEngine& engine_of(ssl_st* ssl) {
  auto* engine = static_cast<TlsEngine*>(SSL_get_app_data(ssl));
  EPAULET_ASSERT(engine != nullptr);
  return *engine;
}

TlsEngine& engine_of(x509_store_ctx_st* chain) {
  return engine_of(static_cast<ssl_st*>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx())));
}

long bio_control(bio_st*, int command, long, void*) {
  // Everything is written at once, so a flush has nothing to do; all other questions (kTLS, EOF)
  // are answered no.
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* bio_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "epaulet");
    BIO_meth_set_read_ex(made, TlsCallbacks::bio_read);
    BIO_meth_set_write_ex(made, TlsCallbacks::bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

/// Foreign bytes for a diagnosis.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

SSL_TICKET_RETURN on_ticket(ssl_st* ssl, ssl_session_st* session, const unsigned char*, std::size_t,
                            SSL_TICKET_STATUS status, void*) {
  // Anything but a ticket of ours that is still good leads to a full handshake.
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  return TlsCallbacks::accepts_ticket(ssl, session) ? SSL_TICKET_RETURN_USE_RENEW
                                                    : SSL_TICKET_RETURN_IGNORE_RENEW;
}

/// What a client sent along with its leaf was proven: OpenSSL only keeps it, parsed, to be asked
/// for it.
void let_go_of_chain(const ssl_st* ssl) {
  STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl);
  while (chain != nullptr && sk_X509_num(chain) > 0) X509_free(sk_X509_pop(chain));
}

}  // namespace

bio_st* TlsCallbacks::make_bio(TlsEngine& engine) {
  bio_st* bio = BIO_new(bio_method());
  EPAULET_ASSERT(bio != nullptr);
  BIO_set_data(bio, &engine);
  BIO_set_init(bio, 1);
  return bio;
}

int TlsCallbacks::bio_read(bio_st* bio, char* out, std::size_t wanted, std::size_t* got) {
  auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (engine.input_.empty()) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *got = std::min(wanted, engine.input_.size());
  std::memcpy(out, engine.input_.data(), *got);
  engine.input_ = engine.input_.subspan(*got);
  return 1;
}

int TlsCallbacks::bio_write(bio_st* bio, const char* data, std::size_t size, std::size_t* written) {
  auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (engine.output_room() < size) engine.reserve_output(engine.output_.size + size);
  // Only a chain of certificates larger than the largest block: the handshake fails.
  if (engine.output_.block.size() - engine.output_.size < size) return 0;
  std::memcpy(engine.output_.block.data() + engine.output_.size, data, size);
  engine.output_.size += size;
  *written = size;
  return 1;
}

int TlsCallbacks::judge(x509_store_ctx_st* chain, TlsEngine& engine, PeerVerdict verdict) {
  if (verdict.code == ErrorCode::none) {
    engine.adopt(verdict);
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    // OpenSSL would keep it, parsed, for as long as the connection.
    X509_STORE_CTX_set0_verified_chain(chain, nullptr);
    return 1;
  }
  X509_STORE_CTX_set_error(chain, verdict.x509_error);
  engine.refusal_ = std::make_unique<PeerVerdict>(std::move(verdict));
  return 0;
}

int TlsCallbacks::on_verify(x509_store_ctx_st* chain, void*) {
  auto& engine = engine_of(chain);
  return judge(chain, engine, verify_peer(chain, engine.policy()));
}

int TlsCallbacks::on_verify_web(x509_store_ctx_st* chain, void*) {
  auto& engine = engine_of(chain);
  return judge(chain, engine, verify_web_server(chain, engine.policy()));
}

int TlsCallbacks::on_verify_nobody(x509_store_ctx_st* chain, void*) {
  X509_STORE_CTX_set_error(chain, X509_V_OK);
  return 1;
}

int TlsCallbacks::on_client_hello(ssl_st* ssl, int* alert, void*) {
  const unsigned char* extension = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension,
                                &size) == 1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  PeerVerdict verdict;
  verdict.code = ErrorCode::tls_alpn_unknown;
  verdict.diagnosis =
      "the client offered no ALPN token; expected: epaulet/1-h1, epaulet/1-h2, "
      "epaulet/1-tcp or epaulet/1-any";
  engine_of(ssl).refusal_ = std::make_unique<PeerVerdict>(std::move(verdict));
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

int TlsCallbacks::on_server_name(ssl_st* ssl, int*, void*) {
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name))
    engine_of(ssl).report_.sni = name;
  return SSL_TLSEXT_ERR_OK;
}

int TlsCallbacks::on_alpn(ssl_st* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                          const unsigned char* offered, unsigned int offered_size, void*) {
  std::string_view rest(reinterpret_cast<const char*>(offered), offered_size);
  std::string shown;
  while (!rest.empty()) {
    const auto size = static_cast<unsigned char>(rest.front());
    const auto token = rest.substr(1, size);
    if (detect::mesh_protocol(token)) {
      *chosen = reinterpret_cast<const unsigned char*>(token.data());
      *chosen_size = size;
      return SSL_TLSEXT_ERR_OK;
    }
    if (shown.size() < 200) shown += (shown.empty() ? "" : ", ") + printable(token);
    rest.remove_prefix(1 + token.size());
  }
  PeerVerdict verdict;
  verdict.code = ErrorCode::tls_alpn_unknown;
  verdict.diagnosis = fmt::format(
      "the client offered only ALPN tokens that we do not speak; presented: {}; expected: "
      "epaulet/1-h1, epaulet/1-h2, epaulet/1-tcp or epaulet/1-any",
      shown);
  engine_of(ssl).refusal_ = std::make_unique<PeerVerdict>(std::move(verdict));
  return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol
}

int TlsCallbacks::on_http_alpn(ssl_st*, const unsigned char** chosen, unsigned char* chosen_size,
                               const unsigned char* offered, unsigned int offered_size, void*) {
  std::string_view rest(reinterpret_cast<const char*>(offered), offered_size);
  while (!rest.empty()) {
    const auto size = static_cast<unsigned char>(rest.front());
    const auto token = rest.substr(1, size);
    if (token == "http/1.1") {
      *chosen = reinterpret_cast<const unsigned char*>(token.data());
      *chosen_size = size;
      return SSL_TLSEXT_ERR_OK;
    }
    rest.remove_prefix(1 + token.size());
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// What is known of the peer before the handshake's end; nothing if it has shown nothing.
std::optional<TicketFacts> TlsCallbacks::facts_of_peer(ssl_st* ssl) {
  auto& engine = engine_of(ssl);
  if (SSL_session_reused(ssl) == 1) {
    if (engine.ticket_ == nullptr) return std::nullopt;
    return *engine.ticket_;
  }
  x509_st* peer = SSL_get0_peer_certificate(ssl);
  if (peer == nullptr) return std::nullopt;
  const auto leaf = Certificate::of(peer);
  const auto& report = engine.report_;
  return TicketFacts{{},
                     leaf.not_before(),
                     report.not_after,
                     report.fingerprint,
                     report.authority,
                     report.spiffe_id};
}

int TlsCallbacks::on_make_ticket(ssl_st* ssl, void*) {
  auto& engine = engine_of(ssl);
  auto facts = facts_of_peer(ssl);
  if (!facts) return 0;
  const auto until = std::min(engine.context_->identity().not_after(), facts->not_after);
  const auto left = std::chrono::floor<std::chrono::seconds>(until - engine.now_);
  const auto lifetime = std::min<std::chrono::seconds>(left, limits::kTlsTicketLifetimeMax);
  ssl_session_st* session = SSL_get_session(ssl);
  SSL_SESSION_set_timeout(session, std::max<long>(static_cast<long>(lifetime.count()), 1));
  facts->usable_until = std::chrono::floor<std::chrono::seconds>(engine.now_) + lifetime;
  if (!seal_facts(session, *facts)) return 0;
  let_go_of_chain(ssl);
  return 1;
}

bool TlsCallbacks::accepts_ticket(ssl_st* ssl, ssl_session_st* session) {
  auto& engine = engine_of(ssl);
  auto facts = facts_of(session);
  if (!facts || !facts->is_usable_at(engine.now_)) return false;
  engine.ticket_ = std::make_unique<TicketFacts>(std::move(*facts));
  return true;
}

int TlsCallbacks::on_new_session(ssl_st* ssl, ssl_session_st* session) {
  auto& engine = engine_of(ssl);
  if (engine.sessions_ == nullptr || !engine.open_) return 0;
  const auto lifetime = std::min<std::chrono::seconds>(
      std::chrono::seconds(SSL_SESSION_get_timeout(session)), limits::kTlsTicketLifetimeMax);
  TlsSessionCache::Entry entry;
  entry.key = std::move(engine.session_key_);
  entry.session.reset(session);
  entry.not_after = std::min(engine.report_.not_after, engine.context_->identity().not_after());
  entry.fresh_until = std::min(engine.resumed_fresh_until_,
                               entry.not_after - last_part(entry.not_after - engine.now_));
  entry.expires = std::min(engine.now_ + lifetime, entry.fresh_until);
  entry.authority = engine.report_.authority;
  // One ticket a connection is enough; an open connection keeps no key for more.
  std::exchange(engine.sessions_, nullptr)->put(std::move(entry));
  engine.session_key_ = {};
  return 1;
}

void TlsCallbacks::on_info(const ssl_st* ssl, int where, int) {
  // In TLS 1.3 each ticket and each key update begins a handshake anew.
  auto* engine = static_cast<TlsEngine*>(SSL_get_app_data(ssl));
  if ((where & SSL_CB_LOOP) != 0 && engine != nullptr && engine->open_) ++engine->late_messages_;
}

void TlsCallbacks::install_on_server(ssl_ctx_st* context) {
  SSL_CTX_set_info_callback(context, on_info);
  SSL_CTX_set_cert_verify_callback(context, on_verify, nullptr);
  SSL_CTX_set_client_hello_cb(context, on_client_hello, nullptr);
  SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
  SSL_CTX_set_alpn_select_cb(context, on_alpn, nullptr);
  SSL_CTX_set_session_ticket_cb(context, on_make_ticket, on_ticket, nullptr);
}

void TlsCallbacks::install_on_client(ssl_ctx_st* context) {
  SSL_CTX_set_info_callback(context, on_info);
  SSL_CTX_set_cert_verify_callback(context, on_verify, nullptr);
  SSL_CTX_sess_set_new_cb(context, on_new_session);
}

void TlsCallbacks::install_on_identity_service(ssl_ctx_st* context) {
  SSL_CTX_set_info_callback(context, on_info);
  SSL_CTX_set_cert_verify_callback(context, on_verify, nullptr);
  SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
  SSL_CTX_set_alpn_select_cb(context, on_http_alpn, nullptr);
}

void TlsCallbacks::install_on_identity_client(ssl_ctx_st* context) {
  SSL_CTX_set_info_callback(context, on_info);
  SSL_CTX_set_cert_verify_callback(context, on_verify, nullptr);
}

void TlsCallbacks::install_on_web_server(ssl_ctx_st* context) {
  SSL_CTX_set_info_callback(context, on_info);
  SSL_CTX_set_alpn_select_cb(context, on_http_alpn, nullptr);
}

void TlsCallbacks::install_on_web_client(ssl_ctx_st* context) {
  SSL_CTX_set_info_callback(context, on_info);
  SSL_CTX_set_cert_verify_callback(context, on_verify_web, nullptr);
}

void TlsCallbacks::install_on_unverified_client(ssl_ctx_st* context) {
  SSL_CTX_set_info_callback(context, on_info);
  SSL_CTX_set_cert_verify_callback(context, on_verify_nobody, nullptr);
}

}  // namespace epaulet

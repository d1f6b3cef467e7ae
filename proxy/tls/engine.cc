#include "tls/engine.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

#include "base/assert.h"
#include "tls/callbacks.h"

namespace epaulet {
namespace {

/// A wrong reading of a leftover would turn "wait" into "fail".
void forget_errors_of_others() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

/// The alert that the peer sent, if the queue holds one.
std::optional<int> received_alert() {
  const auto error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET ||
      reason > SSL_AD_REASON_OFFSET + 255) {
    return std::nullopt;
  }
  return reason - SSL_AD_REASON_OFFSET;
}

/// The peer has judged our certificate (RFC 8446 section 6.2).
bool is_about_certificates(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

std::string name_of_alert(int alert) {
  return fmt::format("{} ({})", SSL_alert_desc_string_long(alert), alert);
}

/// The wire form of each token: its length, then its bytes. The peer takes the first that it knows.
void offer(ssl_st* ssl, std::initializer_list<std::string_view> tokens) {
  std::string wire;
  for (const auto token : tokens) {
    wire += static_cast<char>(token.size());
    wire += token;
  }
  EPAULET_ASSERT(SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wire.data()),
                                     static_cast<unsigned>(wire.size())) == 0);
}

}  // namespace

TlsEngine::TlsEngine(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), ssl_(SSL_new(context_->server())), is_server_(true) {
  EPAULET_ASSERT(ssl_ != nullptr);
  SSL_set_app_data(ssl_.get(), this);
  bio_st* bio = TlsCallbacks::make_bio(*this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

TlsEngine::TlsEngine(std::shared_ptr<const TlsContext> context, const TlsClientOptions& options,
                     WallTime now)
    : context_(std::move(context)),
      ssl_(SSL_new(context_->client())),
      is_server_(false),
      now_(now),
      expected_(options.expected),
      sessions_(options.sessions) {
  EPAULET_ASSERT(ssl_ != nullptr);
  SSL_set_app_data(ssl_.get(), this);
  bio_st* bio = TlsCallbacks::make_bio(*this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_connect_state(ssl_.get());
  if (context_->purpose() != TlsContext::Purpose::mesh) {
    offer(ssl_.get(), {"http/1.1"});
  } else if (options.protocol == detect::MeshProtocol::multiplexed) {
    offer(ssl_.get(), {token_of(options.protocol), token_of(detect::MeshProtocol::http1)});
  } else {
    offer(ssl_.get(), {token_of(options.protocol)});
  }
  report_.sni = options.server_name;
  if (!options.server_name.empty() &&
      SSL_set_tlsext_host_name(ssl_.get(), options.server_name.c_str()) != 1) {
    (void)drain_openssl_errors();
    (void)fail(ErrorCode::internal, "the server name is longer than 255 bytes");
    return;
  }
  if (sessions_ == nullptr) return;
  session_key_ = context_->session_generation();
  for (const auto& identity : expected_) session_key_.append("\n").append(identity);
  session_key_.append("\n").append(options.session_scope);
  if (const auto* entry = sessions_->find(session_key_, now)) {
    SSL_set_session(ssl_.get(), entry->session.get());
    resumed_authority_ = entry->authority;
    resumed_not_after_ = entry->not_after;
    resumed_fresh_until_ = entry->fresh_until;
  }
}

TlsEngine::~TlsEngine() {
  // Else OpenSSL takes an end without close_notify as a reason never to resume the session; only
  // our own judgement is (a truncation attack ends the stream, it does not weaken the session's
  // secrets).
  if (open_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void TlsEngine::feed(ConstBytes ciphertext) {
  EPAULET_ASSERT(input_.empty());
  input_ = ciphertext;
  received_ += ciphertext.size();
}

bool TlsEngine::is_drained() const {
  return input_.empty() && SSL_pending(ssl_.get()) == 0;
}

TlsEngine::Step TlsEngine::handshake(WallTime now) {
  if (failed_) return Step::failed;
  EPAULET_ASSERT(!open_);
  now_ = now;
  forget_errors_of_others();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return finish_handshake();
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return Step::want_input;
  return fail_from_queue();
}

TlsEngine::Step TlsEngine::finish_handshake() {
  const unsigned char* token = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &token, &size);
  report_.protocol = detect::mesh_protocol({reinterpret_cast<const char*>(token), size});
  report_.resumed = SSL_session_reused(ssl_.get()) == 1;
  const bool is_mesh = context_->purpose() == TlsContext::Purpose::mesh;
  if (is_mesh && !report_.protocol) {
    output_.size = 0;  // Our Finished would tell the peer that all is well.
    return fail(
        ErrorCode::tls_alpn_unknown,
        "the peer did not choose the ALPN token that we offered, so it is no sidecar of this mesh");
  }
  if (report_.resumed) {
    auto verdict = judge_resumed();
    if (verdict.code != ErrorCode::none) {
      if (sessions_ != nullptr) sessions_->remove(session_key_);
      output_.size = 0;
      return fail(verdict.code, std::move(verdict.diagnosis));
    }
    adopt(verdict);
  }
  // Both ends are verified or there is no connection: whatever the library may have accepted. Only
  // who comes to the identity service may have no certificate yet, and outside the mesh nobody has
  // an identity.
  using enum TlsContext::Purpose;
  const auto purpose = context_->purpose();
  const bool may_be_nobody =
      purpose == identity_service || purpose == web_server || purpose == web_client;
  const bool is_web = purpose == web_client;
  if (is_web && (SSL_get0_peer_certificate(ssl_.get()) == nullptr ||
                 SSL_get_verify_result(ssl_.get()) != X509_V_OK)) {
    output_.size = 0;
    return fail(ErrorCode::tls_identity_missing, "the server proved no host");
  }
  if (report_.spiffe_id.empty() && !may_be_nobody) {
    output_.size = 0;
    return fail(ErrorCode::tls_identity_missing, "the peer proved no identity");
  }
  open_ = true;
  expected_ = {};
  ticket_.reset();
  return Step::done;
}

/// The chain was proven when the session began, under the same bundle: who resumes has not shown
/// it again.
PeerVerdict TlsEngine::judge_resumed() const {
  PeerVerdict verdict;
  if (is_server_) {
    if (!ticket_) return verdict;
    verdict.spiffe_id = ticket_->spiffe_id;
    verdict.fingerprint = ticket_->fingerprint;
    verdict.authority = ticket_->authority;
    verdict.not_after = ticket_->not_after;
    if (ticket_->leaf_is_valid_at(now_)) return verdict;
    verdict.code = ErrorCode::tls_peer_expired;
    verdict.diagnosis = fmt::format(
        "the certificate of {} with which the session began is valid from {} until {}; our clock: "
        "{}",
        ticket_->spiffe_id, rfc3339(ticket_->not_before), rfc3339(ticket_->not_after),
        rfc3339(now_));
    return verdict;
  }
  if (x509_st* leaf = SSL_get0_peer_certificate(ssl_.get()))
    verdict = verify_resumed_peer(Certificate::of(leaf), policy());
  verdict.authority = resumed_authority_;
  verdict.not_after = std::min(verdict.not_after, resumed_not_after_);
  return verdict;
}

TlsEngine::Step TlsEngine::peek() {
  if (failed_) return Step::failed;
  if (SSL_pending(ssl_.get()) > 0) return Step::done;
  if ((SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) return Step::closed;
  if (input_.empty()) return Step::want_input;
  forget_errors_of_others();
  std::byte first;
  std::size_t got = 0;
  const int result = SSL_peek_ex(ssl_.get(), &first, 1, &got);
  if (result == 1) return Step::done;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      // OpenSSL 3.0 sets key updates no limit.
      if (late_messages_ <= limits::kTlsLateMessagesMax) return Step::want_input;
      return fail(ErrorCode::tls_protocol_error, "the peer floods us with key updates or tickets");
    case SSL_ERROR_ZERO_RETURN:
      return Step::closed;
    default:
      return fail_from_queue();
  }
}

TlsEngine::ReadResult TlsEngine::read(Bytes out) {
  if (failed_) return {Step::failed};
  EPAULET_ASSERT(!out.empty());
  forget_errors_of_others();
  std::size_t got = 0;
  const int result = SSL_read_ex(ssl_.get(), out.data(), out.size(), &got);
  if (result == 1) {
    app_bytes_came_ = true;
    late_messages_ = 0;
    return {Step::done, got};
  }
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Step::want_input};
    case SSL_ERROR_ZERO_RETURN:
      return {Step::closed};
    default:
      return {fail_from_queue()};
  }
}

TlsEngine::Step TlsEngine::write(ConstBytes plaintext) {
  if (failed_) return Step::failed;
  EPAULET_ASSERT(!plaintext.empty() && plaintext.size() <= kRecordBytesMax);
  forget_errors_of_others();
  std::size_t written = 0;
  if (SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written) == 1) {
    EPAULET_ASSERT(written == plaintext.size());
    return Step::done;
  }
  // The output never blocks. WANT_READ means that the peer has sent a piece of a handshake message
  // and no more: nobody does that without intent.
  return fail_from_queue();
}

TlsEngine::Step TlsEngine::close_write() {
  if (failed_) return Step::failed;
  forget_errors_of_others();
  return SSL_shutdown(ssl_.get()) >= 0 ? Step::done : fail_from_queue();
}

TlsOutput TlsEngine::take_output() {
  TlsOutput taken;
  std::swap(taken, output_);
  return taken;
}

std::size_t TlsEngine::output_room() const {
  return output_.block ? output_.block.size() - output_.size : 0;
}

void TlsEngine::reserve_output(std::size_t bytes) {
  if (output_.block && output_.block.size() >= bytes) return;
  auto larger = Block::allocate(std::min(bytes, limits::kLargeBlockBytes));
  if (output_.size > larger.size()) return;
  if (output_.size > 0) std::memcpy(larger.data(), output_.block.data(), output_.size);
  output_.block = std::move(larger);
}

PeerPolicy TlsEngine::policy() const {
  PeerPolicy policy{context_->trust(), now_, std::nullopt};
  if (!is_server_) {
    policy.expected = expected_;
    policy.server_name = report_.sni;
  }
  return policy;
}

void TlsEngine::adopt(const PeerVerdict& verdict) {
  report_.spiffe_id = verdict.spiffe_id;
  report_.fingerprint = verdict.fingerprint;
  report_.authority = verdict.authority;
  report_.not_after = verdict.not_after;
}

std::string TlsEngine::own_text() const {
  return fmt::format("we presented: {}; we trust: {}; our clock: {}",
                     context_->has_identity() ? text_of_certificate(context_->identity().leaf())
                                              : std::string("nothing"),
                     text_of_bundle(context_->trust().bundle), rfc3339(now_));
}

TlsEngine::Step TlsEngine::fail_from_queue() {
  if (refusal_) {
    (void)drain_openssl_errors();
    return fail(refusal_->code, std::move(refusal_->diagnosis), refusal_->x509_error);
  }
  const auto alert = received_alert();
  const auto error = ERR_peek_error();
  const bool no_certificate = ERR_GET_LIB(error) == ERR_LIB_SSL &&
                              ERR_GET_REASON(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
  const auto text = drain_openssl_errors();
  if (no_certificate) {
    return fail(
        ErrorCode::tls_identity_missing,
        fmt::format("the peer sent no certificate; expected: an identity of {}; our clock: {}",
                    context_->trust().trust_domain, rfc3339(now_)));
  }
  if (!alert)
    return fail(ErrorCode::tls_protocol_error,
                fmt::format("the peer broke the protocol: {}", text));
  if (*alert == SSL_AD_NO_APPLICATION_PROTOCOL) {
    return fail(
        ErrorCode::tls_alpn_unknown,
        "the peer knows no version of the mesh protocol that we offered; presented: epaulet/1",
        *alert);
  }
  if (is_about_certificates(*alert)) {
    return fail(ErrorCode::tls_handshake_failed,
                fmt::format("the peer refused our certificate with the alert {}; {}",
                            name_of_alert(*alert), own_text()),
                *alert);
  }
  return fail(
      open_ ? ErrorCode::tls_protocol_error : ErrorCode::tls_handshake_failed,
      fmt::format("the peer ended with the alert {}; {}", name_of_alert(*alert), own_text()),
      *alert);
}

TlsEngine::Step TlsEngine::fail(ErrorCode code, std::string diagnosis, std::int32_t detail) {
  failed_ = true;
  input_ = {};
  // In TLS 1.3 a server judges our certificate after we believe that the handshake is over.
  // Whatever we sent since then reached no application.
  const bool nothing_reached = !open_ || (!app_bytes_came_ && is_about_certificates(detail));
  error_ =
      Error(code, is_server_ ? Side::downstream : Side::upstream, Stage::tls, Retry::never, detail);
  if (!is_server_) error_.retry = nothing_reached ? Retry::safe : Retry::if_idempotent;
  report_.diagnosis = std::move(diagnosis);
  if (note_ != nullptr) error_.note = note_(report_.diagnosis);
  return Step::failed;
}

void TlsEngine::interrupted(const Error& why) {
  if (failed_) return;
  const char* how = why.code == ErrorCode::tls_truncated
                        ? "the peer closed the connection in the middle of the TLS handshake"
                        : "the TLS handshake did not come to its end";
  (void)fail(why.code,
             fmt::format("{}: {} bytes had come from the peer; {}", how, received_, own_text()),
             why.detail);
  // The same fact with what only the engine knows.
  const Error told = error_;
  error_ = why;
  error_.stage = told.stage;
  error_.retry = told.retry;
  error_.note = told.note;
}

}  // namespace epaulet

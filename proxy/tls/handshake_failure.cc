#include "tls/handshake_failure.h"

#include <openssl/x509_vfy.h>

#include <array>

namespace epaulet {
namespace {

bool is_about_the_root(std::int32_t x509_error) {
  switch (x509_error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view name_of(HandshakeFailure failure) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(HandshakeFailure::count_)>
      kNames{"expired",
             "unknown_authority",
             "untrusted",
             "wrong_identity",
             "no_certificate",
             "no_identity",
             "refused_by_peer",
             "protocol_version",
             "protocol",
             "closed",
             "timeout",
             "not_configured",
             "other"};
  return kNames[static_cast<std::size_t>(failure)];
}

HandshakeFailure handshake_failure(const Error& error) {
  // Most codes are not of handshakes, so that the default is no omission.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
  switch (error.code) {
    case ErrorCode::tls_peer_expired:
      return HandshakeFailure::expired;
    case ErrorCode::tls_peer_untrusted:
      return is_about_the_root(error.detail) ? HandshakeFailure::unknown_authority
                                             : HandshakeFailure::untrusted;
    case ErrorCode::tls_identity_unexpected:
      return HandshakeFailure::wrong_identity;
    case ErrorCode::tls_identity_missing:
      // The verifier, which has seen a certificate, says what is wrong with it.
      return error.detail == 0 ? HandshakeFailure::no_certificate : HandshakeFailure::no_identity;
    case ErrorCode::tls_handshake_failed:
      return HandshakeFailure::refused_by_peer;
    case ErrorCode::tls_alpn_unknown:
      return HandshakeFailure::protocol_version;
    case ErrorCode::tls_protocol_error:
      return HandshakeFailure::protocol;
    case ErrorCode::tls_truncated:
    case ErrorCode::end_of_stream:
    case ErrorCode::downstream_reset:
    case ErrorCode::downstream_aborted:
    case ErrorCode::upstream_reset:
    case ErrorCode::reset_before_response:
    case ErrorCode::closed_before_response:
      return HandshakeFailure::closed;
    case ErrorCode::tls_timeout:
    case ErrorCode::connect_timeout:
    case ErrorCode::attempt_timeout:
    case ErrorCode::request_timeout:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::idle_timeout:
      return HandshakeFailure::timeout;
    case ErrorCode::tls_not_configured:
      return HandshakeFailure::not_configured;
    default:
      return HandshakeFailure::other;
  }
#pragma GCC diagnostic pop
}

}  // namespace epaulet

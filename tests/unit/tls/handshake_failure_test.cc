#include "tls/handshake_failure.h"

#include <gtest/gtest.h>

#include <tuple>

namespace epaulet {
namespace {

TEST(HandshakeFailureTest, each_error_has_one_reason) {
  using F = HandshakeFailure;
  const std::tuple<ErrorCode, std::int32_t, F> rows[] = {
      {ErrorCode::tls_peer_expired, 10, F::expired},
      {ErrorCode::tls_peer_untrusted, 20, F::unknown_authority},
      {ErrorCode::tls_peer_untrusted, 18, F::unknown_authority},
      {ErrorCode::tls_peer_untrusted, 19, F::unknown_authority},
      {ErrorCode::tls_peer_untrusted, 7, F::untrusted},  // A wrong signature.
      {ErrorCode::tls_identity_unexpected, 28, F::wrong_identity},
      {ErrorCode::tls_identity_missing, 0, F::no_certificate},
      {ErrorCode::tls_identity_missing, 50, F::no_identity},
      {ErrorCode::tls_handshake_failed, 48, F::refused_by_peer},
      {ErrorCode::tls_alpn_unknown, 0, F::protocol_version},
      {ErrorCode::tls_protocol_error, 0, F::protocol},
      {ErrorCode::tls_truncated, 0, F::closed},
      {ErrorCode::upstream_reset, 0, F::closed},
      {ErrorCode::tls_timeout, 0, F::timeout},
      {ErrorCode::connect_timeout, 0, F::timeout},
      {ErrorCode::tls_not_configured, 0, F::not_configured},
      {ErrorCode::internal, 0, F::other},
  };
  for (const auto& [code, detail, reason] : rows) {
    const Error error(code, Side::upstream, Stage::tls, Retry::never, detail);
    EXPECT_EQ(handshake_failure(error), reason) << static_cast<int>(code) << " " << detail;
  }
}

}  // namespace
}  // namespace epaulet

#pragma once

#include <cstdint>
#include <string_view>

#include "base/assert.h"

namespace epaulet {

/// Who the failure belongs to, seen from this sidecar. Downstream dials us, upstream is dialled by
/// us.
enum class Side : std::uint8_t { self, downstream, upstream };

/// Where on the data path the fact was established.
enum class Stage : std::uint8_t {
  none,
  accept,
  tls,
  detect,
  parse,
  route,
  authenticate,
  authorize,
  limit,
  resolve,
  connect,
  send,
  receive,
  relay,
  dns,
  config,
  shutdown,
};

/// May the attempt be made again without asking anybody? (design: traffic defaults)
enum class Retry : std::uint8_t {
  never,          ///< The failure would repeat, or bytes of a non-idempotent request were written.
  safe,           ///< Provably nothing of the request reached the application.
  if_idempotent,  ///< No response byte arrived; only the method decides.
};

/// What happened. One name each; `describe()` in error_table.h holds the text, the status codes and
/// the remedy.
enum class ErrorCode : std::uint16_t {
  none,
  // accept
  original_destination_missing,
  destination_is_ourselves,
  destination_not_here,
  connections_exhausted,
  descriptors_exhausted,
  memory_exhausted,
  // tls
  tls_handshake_failed,
  tls_peer_untrusted,
  tls_peer_expired,
  tls_identity_unexpected,
  tls_identity_missing,
  tls_alpn_unknown,
  tls_timeout,
  tls_truncated,
  tls_not_configured,
  tls_protocol_error,
  plaintext_on_strict_port,
  foreign_tls_on_strict_port,
  // detect
  detect_timeout,
  http2_protocol_error,
  protocol_unexpected,
  // parse
  head_malformed,
  head_too_large,
  head_timeout,
  framing_ambiguous,
  chunk_malformed,
  body_truncated,
  body_timeout,
  body_too_large,
  version_unsupported,
  path_ambiguous,
  upgrade_unsupported,
  expectation_unsupported,
  // route
  no_service,
  no_route,
  egress_denied,
  port_not_declared,
  // authenticate, authorize
  token_invalid,
  token_required,
  key_invalid,
  key_required,
  unauthenticated,
  forbidden,
  // limit
  limit_pending,
  breaker_open,
  rate_limited,
  overloaded,
  background_full,
  answer_replaced,
  // shape
  fault_injected,
  // resolve
  never_had_endpoint,
  no_endpoint,
  dns_failed,
  dns_name_unknown,
  dns_refused,
  // connect
  connect_refused,
  connect_unreachable,
  connect_failed,
  // exchange
  reset_before_response,
  closed_before_response,
  reset_in_response,
  response_malformed,
  response_truncated,
  response_framing_ambiguous,
  response_head_too_large,
  downstream_reset,
  downstream_aborted,
  upstream_reset,
  // timeouts, each named by its key
  connect_timeout,
  attempt_timeout,
  first_byte_timeout,
  request_timeout,
  deadline_exceeded,
  idle_timeout,
  stream_idle_timeout,
  duration_exceeded,
  drain_timeout,
  // life
  draining,
  cancelled,
  end_of_stream,
  io_failed,
  // config
  config_invalid,
  internal,
  count_,
};

/// A failure as a value: what, whose side, which stage, may we retry. Sixteen bytes, no strings.
struct Error {
  ErrorCode code = ErrorCode::none;
  Side side = Side::self;
  Stage stage = Stage::none;
  Retry retry = Retry::never;
  /// A number that makes the fact precise: errno, TLS alert, limit, status; 0 if there is none.
  std::int32_t detail = 0;
  /// An index into the explain string table (telemetry/), 0 if there is none: identities presented
  /// and expected.
  std::uint32_t note = 0;

  constexpr Error() = default;
  constexpr Error(ErrorCode code_, Side side_, Stage stage_, Retry retry_ = Retry::never,
                  std::int32_t detail_ = 0)
      : code(code_), side(side_), stage(stage_), retry(retry_), detail(detail_) {}

  friend constexpr bool operator==(const Error&, const Error&) = default;
};
static_assert(sizeof(Error) <= 16);

}  // namespace epaulet

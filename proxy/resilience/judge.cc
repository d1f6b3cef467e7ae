#include "resilience/judge.h"

#include <algorithm>
#include <array>

#include "resilience/lost_connection.h"

namespace epaulet::resilience {
namespace {

/// The fault of whoever was asked, or of the way there.
constexpr std::array kBlame{
    ErrorCode::tls_handshake_failed,
    ErrorCode::tls_peer_untrusted,
    ErrorCode::tls_peer_expired,
    ErrorCode::tls_identity_unexpected,
    ErrorCode::tls_identity_missing,
    ErrorCode::tls_alpn_unknown,
    ErrorCode::tls_timeout,
    ErrorCode::tls_truncated,
    ErrorCode::tls_protocol_error,
    ErrorCode::connect_refused,
    ErrorCode::connect_unreachable,
    ErrorCode::connect_failed,
    ErrorCode::connect_timeout,
    ErrorCode::reset_before_response,
    ErrorCode::closed_before_response,
    ErrorCode::reset_in_response,
    ErrorCode::response_malformed,
    ErrorCode::response_truncated,
    ErrorCode::response_framing_ambiguous,
    ErrorCode::response_head_too_large,
    ErrorCode::upstream_reset,
    ErrorCode::attempt_timeout,
    ErrorCode::first_byte_timeout,
    ErrorCode::request_timeout,
    ErrorCode::deadline_exceeded,
    ErrorCode::idle_timeout,
    ErrorCode::stream_idle_timeout,
    ErrorCode::io_failed,
};

Judgement judge_error(const CallEnd& end) {
  const bool is_blame = end.error.side == Side::upstream &&
                        std::find(kBlame.begin(), kBlame.end(), end.error.code) != kBlame.end();
  const bool may_be_stale = end.on_reused_connection && is_lost_connection(end.error.code);
  if (!is_blame || may_be_stale) return Judgement::no_evidence;
  const bool time_is_up = end.error.code == ErrorCode::request_timeout ||
                          end.error.code == ErrorCode::deadline_exceeded;
  if (time_is_up && (!end.was_sent || end.was_hurried)) return Judgement::no_evidence;
  return Judgement::failure;
}

}  // namespace

FailureRules::FailureRules(const FailureSettings& settings, const FailureSettings& defaults) {
  for (const auto status : settings.statuses.empty() ? defaults.statuses : settings.statuses) {
    if (status >= 400 && status < 600) {
      statuses_.set(status - 400u);
      continue;
    }
    for (unsigned i = 0; i < 100 && (status == 4 || status == 5); ++i)
      statuses_.set((status - 4u) * 100 + i);
  }
  for (const auto status :
       settings.grpc_statuses.empty() ? defaults.grpc_statuses : settings.grpc_statuses) {
    grpc_statuses_.set(static_cast<std::size_t>(status));
  }
}

FailureRules FailureRules::of_breaker(const FailureSettings& settings) {
  // An uncaught exception is UNKNOWN or INTERNAL, as it is a 500 in HTTP.
  const FailureSettings defaults{
      {5},
      {GrpcStatus::unknown, GrpcStatus::deadline_exceeded, GrpcStatus::internal,
       GrpcStatus::unavailable, GrpcStatus::data_loss}};
  return {settings, defaults};
}

FailureRules FailureRules::of_outliers(const FailureSettings& settings) {
  const FailureSettings defaults{{502, 503, 504}, {GrpcStatus::unavailable}};
  return {settings, defaults};
}

Judgement judge(const FailureRules& rules, const CallEnd& end) {
  if (end.error.code != ErrorCode::none) return judge_error(end);
  const bool failed = rules.is_failure(end.status) ||
                      (end.grpc_status && *end.grpc_status != 0 && *end.grpc_status <= 16 &&
                       rules.is_failure(static_cast<GrpcStatus>(*end.grpc_status)));
  return failed ? Judgement::failure : Judgement::success;
}

}  // namespace epaulet::resilience

#include "resilience/retry.h"

#include <algorithm>
#include <cmath>

namespace epaulet::resilience {

std::string_view name_of(RetryVerdict verdict) {
  switch (verdict) {
    case RetryVerdict::retry:
      return "retry";
    case RetryVerdict::retry_reuse_race:
      return "retry: the pooled connection was closed meanwhile";
    case RetryVerdict::no_success:
      return "success";
    case RetryVerdict::no_never:
      return "the failure would repeat";
    case RetryVerdict::no_not_idempotent:
      return "the method is not idempotent and bytes of the request were written (RFC 9110 section "
             "9.2.2)";
    case RetryVerdict::no_body_gone:
      return "the request body is larger than what is kept for another attempt";
    case RetryVerdict::no_max:
      return "retries.max is reached";
    case RetryVerdict::no_exhausted_upstream:
      return "the next hop has spent its retries on this request";
    case RetryVerdict::no_overloaded_upstream:
      return "the answer says x-envoy-overloaded: more of it would make it worse";
  }
  return "";
}

namespace {

/// What a pooled connection that the peer has closed meanwhile looks like from here.
bool is_lost_connection(ErrorCode code) {
  return code == ErrorCode::closed_before_response || code == ErrorCode::reset_before_response ||
         code == ErrorCode::tls_truncated || code == ErrorCode::upstream_reset;
}

}  // namespace

RetryVerdict decide_retry(const RetryRules& rules, const AttemptFacts& facts, bool inbound) {
  const bool failed = facts.error.code != ErrorCode::none;
  const bool grpc_listed =
      facts.grpc_status && std::find(rules.grpc_statuses.begin(), rules.grpc_statuses.end(),
                                     *facts.grpc_status) != rules.grpc_statuses.end();
  if (!failed) {
    const bool listed = std::find(rules.statuses.begin(), rules.statuses.end(), facts.status) !=
                        rules.statuses.end();
    if ((!listed && !grpc_listed) || inbound) return RetryVerdict::no_success;
  }
  if (failed && facts.error.retry == Retry::never) return RetryVerdict::no_never;

  const bool nothing_sent = failed && (facts.error.retry == Retry::safe || !facts.request_written);
  const bool idempotent = http::is_idempotent(facts.method);
  const bool may_repeat =
      idempotent || facts.idempotency_key || rules.non_idempotent || grpc_listed;
  if (!nothing_sent && !may_repeat) return RetryVerdict::no_not_idempotent;
  if (!facts.body_replayable) return RetryVerdict::no_body_gone;

  // A connection that went stale in the pool says nothing about the upstream's health.
  if (failed && facts.on_reused_connection && is_lost_connection(facts.error.code) &&
      (idempotent || nothing_sent)) {
    return RetryVerdict::retry_reuse_race;
  }
  if (inbound) return RetryVerdict::no_never;
  if (facts.exhausted_upstream) return RetryVerdict::no_exhausted_upstream;
  if (facts.overloaded_upstream) return RetryVerdict::no_overloaded_upstream;
  if (facts.attempts > rules.max) return RetryVerdict::no_max;
  return RetryVerdict::retry;
}

namespace {

/// Callers that failed together do not come back together, and drift further apart each time.
Duration decorrelated(const BackoffSettings& settings, Duration previous, Random& random) {
  const auto least = static_cast<double>(settings.initial.count());
  const double most = std::max(least, static_cast<double>(previous.count()) * settings.factor);
  const double drawn = least + (most - least) * random.unit();
  return std::min(Duration(static_cast<std::int64_t>(drawn)), settings.max);
}

}  // namespace

Duration backoff_before(const BackoffSettings& settings, std::uint32_t retry, Duration previous,
                        Random& random) {
  if (settings.jitter == BackoffSettings::Jitter::decorrelated) {
    return decorrelated(settings, std::max(previous, settings.initial), random);
  }
  const double grown = static_cast<double>(settings.initial.count()) *
                       std::pow(settings.factor, static_cast<double>(std::max(retry, 1u) - 1));
  const double longest = std::min(grown, static_cast<double>(settings.max.count()));
  if (settings.jitter == BackoffSettings::Jitter::none)
    return Duration(static_cast<std::int64_t>(longest));
  return Duration(static_cast<std::int64_t>(longest * random.unit()));
}

}  // namespace epaulet::resilience

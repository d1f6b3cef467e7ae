#include "resilience/retry.h"

#include <algorithm>
#include <cmath>

#include "resilience/lost_connection.h"

namespace epaulet::resilience {

std::string_view name_of(RetryVerdict verdict) {
  switch (verdict) {
    case RetryVerdict::retry:
      return "retry";
    case RetryVerdict::retry_reuse_race:
      return "retry: the pooled connection was closed meanwhile";
    case RetryVerdict::no_success:
      return "success";
    case RetryVerdict::no_not_listed:
      return "retries.errors does not list this kind of failure";
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

std::optional<RetryError> kind_of(const Error& error) {
  // Not a switch: of a hundred codes these are the ones that are ever tried again.
  const auto is = [code = error.code](auto... codes) { return ((code == codes) || ...); };
  using C = ErrorCode;
  if (is(C::connect_refused)) return RetryError::connect_refused;
  if (is(C::connect_unreachable, C::connect_failed, C::descriptors_exhausted, C::memory_exhausted))
    return RetryError::connect_failed;
  if (is(C::connect_timeout)) return RetryError::connect_timeout;
  if (is(C::attempt_timeout, C::first_byte_timeout, C::deadline_exceeded))
    return RetryError::attempt_timeout;
  if (is(C::never_had_endpoint, C::no_endpoint)) return RetryError::no_endpoint;
  if (is(C::overloaded)) return RetryError::overloaded;
  // Without close_notify: behind the handshake that is how a connection breaks.
  if (is(C::tls_truncated) && error.retry == Retry::if_idempotent) return RetryError::reset;
  if (error.stage == Stage::tls) return RetryError::tls;
  if (is(C::reset_before_response, C::closed_before_response, C::upstream_reset, C::io_failed))
    return error.retry == Retry::safe ? RetryError::refused_stream : RetryError::reset;
  return std::nullopt;
}

bool RetryRules::lists(const Error& error) const {
  const auto kind = kind_of(error);
  return !errors || !kind || std::find(errors->begin(), errors->end(), *kind) != errors->end();
}

bool may_repeat(const RetryRules& rules, http::Method method, bool idempotency_key) {
  return http::is_idempotent(method) || idempotency_key || rules.non_idempotent;
}

RetryVerdict decide_retry(const RetryRules& rules, const AttemptFacts& facts, bool inbound) {
  const bool failed = facts.error.code != ErrorCode::none;
  const bool grpc_listed =
      facts.grpc_status && std::find(rules.grpc_statuses.begin(), rules.grpc_statuses.end(),
                                     *facts.grpc_status) != rules.grpc_statuses.end();
  const bool listed = grpc_listed || std::find(rules.statuses.begin(), rules.statuses.end(),
                                               facts.status) != rules.statuses.end();
  if (!failed && (!listed || inbound)) return RetryVerdict::no_success;
  // A status that is listed was asked for, whoever gave it and why; a limit of the next sidecar
  // says itself when to come back.
  const bool is_asked_for =
      listed && facts.status != 0 && facts.error.code != ErrorCode::rate_limited && !inbound;
  if (failed && facts.error.retry == Retry::never && !is_asked_for) return RetryVerdict::no_never;

  const bool nothing_sent = failed && (facts.error.retry == Retry::safe || !facts.request_written);
  const bool idempotent = http::is_idempotent(facts.method);
  const bool is_repeatable = grpc_listed || may_repeat(rules, facts.method, facts.idempotency_key);
  if (!nothing_sent && !is_repeatable) return RetryVerdict::no_not_idempotent;
  if (!facts.body_replayable) return RetryVerdict::no_body_gone;

  // A connection that went stale in the pool says nothing about the upstream's health.
  if (failed && facts.on_reused_connection && is_lost_connection(facts.error.code) &&
      (idempotent || nothing_sent)) {
    return RetryVerdict::retry_reuse_race;
  }
  if (inbound) return RetryVerdict::no_never;
  if (failed && !listed && !rules.lists(facts.error)) return RetryVerdict::no_not_listed;
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

Duration spread_after(Duration pause, Duration room, Random& random) {
  const auto most = std::max(std::min(pause / 4, room / 2), Duration::zero());
  return Duration(static_cast<std::int64_t>(static_cast<double>(most.count()) * random.unit()));
}

}  // namespace epaulet::resilience

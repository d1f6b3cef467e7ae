#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "http/message.h"
#include "runtime/clock.h"
#include "runtime/random.h"

namespace epaulet::resilience {

/// What a route allows, every value set.
struct RetryRules {
  std::uint32_t max = 2;  ///< Retries after the first attempt.
  BackoffSettings backoff;
  std::vector<std::uint16_t> statuses;
  std::vector<GrpcStatus> grpc_statuses;
  bool non_idempotent = false;
  std::optional<std::vector<RetryError>> errors;  ///< The only ones; nothing: all that may be.

  /// Whether `errors` lets this failure be retried, as far as its kind goes.
  [[nodiscard]] bool lists(const Error& error) const;
};

/// What `retries.errors` calls such a failure; nothing: it has no name there, since it is never
/// retried, or is a limit of our own.
[[nodiscard]] std::optional<RetryError> kind_of(const Error& error);

/// What is known when an attempt has ended.
struct AttemptFacts {
  http::Method method = http::Method::get;
  bool idempotency_key = false;  ///< The request carries an Idempotency-Key field.
  Error error;                   ///< code none: a response head came.
  /// Of the head that came, if one did: with an error it is what the next sidecar told of it.
  std::uint16_t status = 0;
  /// What a caller of gRPC would hear if this were the end. Nothing for other requests, and where
  /// the answer has begun without a failure.
  std::optional<GrpcStatus> grpc_status;
  std::uint32_t attempts = 1;    ///< Made so far.
  bool body_replayable = true;   ///< What was taken from the request body can be given again.
  bool request_written = false;  ///< Some byte of the request was written.
  bool on_reused_connection = false;
  bool exhausted_upstream =
      false;  ///< The next hop says that it has spent its retries on this request.
  /// An Envoy on the way says that it has more than it can do (`x-envoy-overloaded`).
  bool overloaded_upstream = false;
};

enum class RetryVerdict : std::uint8_t {
  retry,
  retry_reuse_race,  ///< At once, on a fresh connection, outside max and backoff: the connection
                     ///< was stale.
  no_success,        ///< The response is to be delivered.
  no_not_listed,     ///< `retries.errors` has other failures.
  no_never,          ///< The failure would repeat or belongs to the caller.
  no_not_idempotent,
  no_body_gone,
  no_max,
  no_exhausted_upstream,
  no_overloaded_upstream,
};
[[nodiscard]] std::string_view name_of(RetryVerdict verdict);

/// RFC 9110 section 9.2.2: once more does no harm, or the caller or the route says so.
[[nodiscard]] bool may_repeat(const RetryRules& rules, http::Method method, bool idempotency_key);

/// RFC 9110 section 9.2.2 and design section 8: without opt-in nothing that may have taken effect
/// is repeated; a listed gRPC status is such an opt-in. The budget is asked afterwards, by the
/// caller. `inbound`: the hop before an app
/// never retries, a reuse race of an idempotent request aside.
[[nodiscard]] RetryVerdict decide_retry(const RetryRules& rules, const AttemptFacts& facts,
                                        bool inbound);

/// Before the `retry`-th retry (from 1): min(max, initial x factor^(retry-1)), with full jitter
/// uniform in [0, that]. Decorrelated: uniform in [initial, factor x `previous`], at most max;
/// `previous` is what was waited before the retry before, 0 if there was none.
[[nodiscard]] Duration backoff_before(const BackoffSettings& settings, std::uint32_t retry,
                                      Duration previous, Random& random);

/// Behind a pause that an answer asked for (`Retry-After`): how much longer to wait, so that those
/// who were all told the same moment do not come back at it. Uniform in [0, a quarter of `pause`),
/// so that what a budget of a fifth lets come again of what came meanwhile comes no faster than
/// that did; and in less than half of `room`, what is left of the deadline behind the pause.
[[nodiscard]] Duration spread_after(Duration pause, Duration room, Random& random);

}  // namespace epaulet::resilience

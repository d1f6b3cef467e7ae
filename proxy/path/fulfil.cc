#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "http/hop_by_hop.h"
#include "path/attempt.h"
#include "path/reach.h"

namespace epaulet::path {
namespace {

using resilience::RetryVerdict;
using telemetry::Counter;
using telemetry::Event;

/// What is left of one attempt when it did not lead to a response for the caller.
struct Failure {
  Error error;
  std::uint16_t status = 0;
  bool request_written = false;
  bool reused = false;
  bool exhausted_upstream = false;
};

resilience::AttemptFacts facts_of(const Exchange& exchange, const Failure& failure) {
  resilience::AttemptFacts facts;
  facts.method = exchange.request.method;
  facts.idempotency_key = exchange.request.find(http::FieldId::idempotency_key) != nullptr;
  facts.error = failure.error;
  facts.status = failure.status;
  facts.attempts = exchange.record.attempts;
  facts.body_replayable = exchange.body.replayable();
  facts.request_written = failure.request_written;
  facts.on_reused_connection = failure.reused;
  facts.exhausted_upstream = failure.exhausted_upstream;
  return facts;
}

Result<Hop> next_hop(Exchange& exchange, const Plan& plan, std::vector<std::size_t>& tried) {
  Hop hop;
  if (plan.pinned) {
    hop.backend = plan.backend;
    hop.endpoint = *plan.pinned;
    return hop;
  }
  return pick_endpoint(*exchange.view, plan.backend, tried);
}

/// A retry that is allowed must also fit: budget, deadline, backoff. Nothing: go on.
Task<std::optional<Error>> wait_for_retry(Exchange& exchange, const Plan& plan, Error first) {
  Worker& worker = exchange.worker();
  if (plan.budget != nullptr && !plan.budget->try_spend(exchange.now())) {
    worker.telemetry.count(Counter::retries_over_budget);
    exchange.trace(Stage::limit, Event::retry_refused,
                   telemetry::intern("the retry budget is spent"));
    co_return first;
  }
  const auto backoff = resilience::backoff_before(plan.retry->backoff, exchange.record.attempts,
                                                  worker.loop.random());
  const auto until = exchange.now() + backoff;
  const auto deadline = exchange.scope->deadline();
  if (deadline && until >= *deadline) {
    exchange.trace(Stage::limit, Event::retry_refused,
                   telemetry::intern("the deadline comes before the backoff ends"));
    co_return first;
  }
  worker.telemetry.count(Counter::retries);
  exchange.trace(Stage::send, Event::retry_decided,
                 static_cast<std::uint32_t>(
                     std::chrono::duration_cast<std::chrono::microseconds>(backoff).count()));
  exchange.watch_downstream(nullptr);
  const auto slept = co_await sleep_until(*exchange.scope, until);
  exchange.unwatch_downstream();
  if (!slept) co_return slept.error();
  co_return std::nullopt;
}

bool is_cautious(const Exchange& exchange) {
  return !http::is_idempotent(exchange.request.method) &&
         exchange.request.find(http::FieldId::idempotency_key) == nullptr;
}

}  // namespace

Task<Error> fulfil(Exchange& exchange, const Plan& plan) {
  Worker& worker = exchange.worker();
  std::vector<std::size_t> tried;
  bool fresh = false;
  if (plan.budget != nullptr) plan.budget->first_attempt(exchange.now());
  for (;;) {
    ++exchange.record.attempts;
    Failure failure;
    const auto hop = next_hop(exchange, plan, tried);
    upstream::ConnectionPtr upstream;
    if (!hop) {
      failure.error = hop.error();
    } else {
      exchange.record.upstream = hop->endpoint;
      auto obtained =
          co_await obtain(worker, *exchange.view, *hop, is_cautious(exchange), fresh,
                          plan.timeouts->connect, exchange.record.trace, *exchange.scope);
      if (obtained) {
        upstream = std::move(*obtained);
      } else {
        failure.error = obtained.error();
      }
    }
    if (upstream) {
      failure.reused = upstream->reused;
      Attempt attempt(exchange, plan, *upstream);
      failure.error = co_await attempt.until_head();
      failure.request_written = attempt.request_was_written();
      failure.status = exchange.response.status;
      failure.exhausted_upstream =
          failure.error.code == ErrorCode::none && attempt.retries_exhausted_upstream();
      const auto verdict =
          resilience::decide_retry(*plan.retry, facts_of(exchange, failure), plan.inbound);
      const bool deliver = failure.error.code == ErrorCode::none &&
                           verdict != RetryVerdict::retry &&
                           verdict != RetryVerdict::retry_reuse_race;
      if (deliver) {
        const Error ended = co_await attempt.deliver();
        if (ended.code != ErrorCode::none) {
          // A mere close would look like the half-close of a caller that still reads.
          co_await attempt.stop(ended);
          co_return ended;
        }
        co_await attempt.finish();
        if (upstream->http.reusable()) worker.pool.put(std::move(upstream));
        co_return ended;
      }
      co_await attempt.stop(failure.error);
    }
    upstream.reset();
    exchange.trace(failure.error.stage, Event::attempt_failed,
                   static_cast<std::uint32_t>(failure.error.code),
                   static_cast<std::uint32_t>(failure.error.detail));
    if (exchange.scope->cancelled()) co_return *exchange.scope->cancelled();

    const auto verdict =
        resilience::decide_retry(*plan.retry, facts_of(exchange, failure), plan.inbound);
    if (verdict == RetryVerdict::retry_reuse_race) {
      worker.telemetry.count(Counter::reuse_race_saved);
      --exchange.record.attempts;  // The same attempt, on a connection that is alive.
      fresh = true;
    } else if (verdict == RetryVerdict::retry) {
      auto refused = co_await wait_for_retry(exchange, plan, failure.error);
      if (refused) co_return *refused;
    } else {
      exchange.trace(Stage::send, Event::retry_refused,
                     telemetry::intern(resilience::name_of(verdict)));
      co_return failure.error;
    }
    if (exchange.body.replayable()) exchange.body.rewind();
    exchange.response.clear();
  }
}

}  // namespace epaulet::path

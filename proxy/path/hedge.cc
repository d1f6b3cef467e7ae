#include "path/hedge.h"

#include <algorithm>

#include "base/error_table.h"
#include "http/grpc.h"
#include "path/obtaining.h"

namespace epaulet::path {
namespace {

using telemetry::Counter;
using telemetry::Event;

const Error kNotWanted(ErrorCode::cancelled, Side::self, Stage::send);
/// A wait that ends by a cancellation, whose own end is never met.
constexpr std::chrono::hours kLong{24};

Plan without_breaker(const Plan& plan) {
  Plan out = plan;
  out.breaker = nullptr;
  return out;
}

std::uint32_t in_us(Duration time) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(time / std::chrono::microseconds(1), 0, UINT32_MAX));
}

/// Ends the wait of whoever looks for the first of two ends.
struct Waker {
  Scope* waiting = nullptr;
  void wake() {
    if (waiting != nullptr) waiting->cancel(kNotWanted);
  }
};

Task<Error> then_wake(Task<Error> asked, Waker& waker) {
  const Error error = co_await asked;
  waker.wake();
  co_return error;
}

/// Everything of the second attempt, from its connection to its head.
Task<Error> ask(Hedge& hedge) {
  auto obtained = co_await obtain_for(hedge.exchange, hedge.plan, hedge.hop, std::nullopt,
                                      hedge.trace, hedge.scope);
  if (!obtained) co_return obtained.error();
  hedge.lease = std::move(*obtained);
  hedge.attempt.emplace(hedge.exchange, hedge.plan, *hedge.lease, hedge.witness, hedge.scope,
                        hedge.response);
  co_return co_await hedge.attempt->until_head();
}

/// What the second attempt may answer with: no failure, nor what would be tried again.
bool is_acceptable(const Exchange& exchange, const Plan& plan, const Attempt& attempt,
                   const Error& error, const http::ResponseHead& head) {
  if (error.code != ErrorCode::none || head.status >= 500 || attempt.told_failure()) return false;
  const bool is_failed_call =
      exchange.is_grpc() && (head.status != 200 || http::grpc_status(head).value_or(0) != 0);
  if (is_failed_call) return false;
  const auto& statuses = plan.retry->statuses;
  return std::find(statuses.begin(), statuses.end(), head.status) == statuses.end();
}

/// Another endpoint, and leave of the budget.
HedgePtr begin(Exchange& exchange, const Plan& plan, const Witness& witness, TriedEndpoints& tried,
               Duration after) {
  const auto refuse = [&exchange](std::string_view why) {
    exchange.trace(Stage::limit, Event::hedge_refused, telemetry::intern(why));
    return HedgePtr();
  };
  if (!witness.may_retry()) return refuse("the breaker is open");
  if (!has_untried(*exchange.view, plan.backend, tried, exchange.now()))
    return refuse("there is no other endpoint");
  if (plan.budget != nullptr && !plan.budget->try_spend(exchange.now())) {
    exchange.worker().telemetry.count(Counter::hedges_over_budget);
    return refuse("the retry budget is spent");
  }
  const auto hop =
      next_hop(*exchange.view, plan.backend, plan.pinned, tried, plan.session.key, exchange.now());
  if (!hop) return refuse("there is no other endpoint");
  ++exchange.record.attempts;
  exchange.record.hedged = telemetry::Hedged::lost;
  exchange.worker().telemetry.count(Counter::hedges);
  exchange.trace(Stage::send, Event::hedged, hop->endpoint_id, in_us(after));
  note_zone(exchange.worker(), *hop, exchange.record.trace);
  if (exchange.body.replayable()) exchange.body.rewind();
  return std::make_unique<Hedge>(exchange, plan, *hop);
}

resilience::CallEnd end_of(const Exchange& exchange, const Error& error,
                           const http::ResponseHead& head, const upstream::Lease* lease) {
  resilience::CallEnd end;
  end.error = error;
  end.was_sent = lease != nullptr;
  end.on_reused_connection = lease != nullptr && lease->reused;
  end.was_hurried = exchange.hurried;
  if (error.code != ErrorCode::none) return end;
  end.status = head.status;
  if (exchange.is_grpc()) end.grpc_status = http::grpc_status(head);
  return end;
}

/// What a sidecar that would not or could not serve the request says of itself.
std::optional<Error> told_by(const Attempt& attempt, const Error& error) {
  return error.code == ErrorCode::none ? attempt.told_failure() : std::nullopt;
}

/// Of an attempt whose end did not end the race. `head`: of its answer, if one came.
void tell(Witness& witness, const Attempt& attempt, resilience::CallEnd end,
          const http::ResponseHead& head) {
  auto told = told_by(attempt, end.error);
  if (told && (told->code == ErrorCode::overloaded || told->code == ErrorCode::rate_limited)) {
    end.error = *told;
    told.reset();
  } else if (end.error.code == ErrorCode::none) {
    (void)witness.spare_as_asked(head);  // Who has won needs no retry that waits for it.
  }
  witness.attempt_ended(end, told);
}

/// The second attempt has failed, or is not wanted any more: then it is no failure of its endpoint.
Task<void> give_up(HedgePtr& hedge, const Error& error, bool failed) {
  auto end = end_of(hedge->exchange, error, hedge->response, hedge->lease.get());
  if (!failed) {
    hedge->witness.abandoned(hedge->attempt ? hedge->attempt->waited() : Duration::zero());
  } else if (hedge->attempt) {
    tell(hedge->witness, *hedge->attempt, end, hedge->response);
  } else {
    hedge->witness.attempt_ended(end, std::nullopt);
  }
  if (hedge->attempt) co_await hedge->attempt->stop(kNotWanted);
  hedge.reset();
}

/// The race of both. Returns how the one ended that counts; `hedge` is left only if it has won.
Task<Error> race(Exchange& exchange, const Plan& plan, Attempt& first, Fork<Error>& asking,
                 Waker& waker, Witness& witness, HedgePtr& hedge) {
  Fork<Error> hedging;
  hedging.start(then_wake(ask(*hedge), waker));
  if (!asking.ended() && !hedging.ended()) {
    Scope either(*exchange.scope);
    waker.waiting = &either;
    (void)co_await sleep_until(either, exchange.now() + kLong);
    waker.waiting = nullptr;
  }
  std::optional<Error> first_error;
  if (asking.ended() || exchange.scope->cancelled()) {
    first_error = co_await asking.join();
    // An answer to the first attempt is treated as if there were no second. And that one is only
    // waited for if it has a connection: it may want the one that the first still holds.
    const bool failed = first_error->code != ErrorCode::none || first.told_failure();
    if (exchange.scope->cancelled() || !failed || !hedge->attempt) {
      hedge->scope.cancel(kNotWanted);
      (void)co_await hedging.join();
      co_await give_up(hedge, kNotWanted, false);
      co_return *first_error;
    }
  }
  const Error error = co_await hedging.join();
  const bool is_good =
      hedge->attempt && is_acceptable(exchange, plan, *hedge->attempt, error, hedge->response);
  if (!is_good) {
    co_await give_up(hedge, error, !exchange.scope->cancelled());
    if (!first_error) first_error = co_await asking.join();
    co_return *first_error;
  }
  if (first_error) {
    tell(witness, first, end_of(exchange, *first_error, exchange.response, &first.upstream()),
         exchange.response);
    witness.end_attempt();
  } else {
    first.cancel(kNotWanted);
    (void)co_await asking.join();
    witness.abandoned(first.waited());
  }
  co_await first.stop(kNotWanted);
  co_return error;
}

}  // namespace

Hedge::Hedge(Exchange& exchange_, const Plan& plan_, const Hop& hop_)
    : exchange(exchange_),
      plan(without_breaker(plan_)),
      hop(hop_),
      scope(*exchange_.scope),
      witness(exchange_, plan) {
  trace.begin(exchange.now());
  witness.begin_attempt(hop);
}

bool may_be_hedged(const Exchange& exchange, const Plan& plan) {
  if (plan.hedge == nullptr || plan.pinned || plan.session.key) return false;
  const auto& request = exchange.request;
  const bool is_repeatable = http::is_idempotent(request.method) || plan.retry->non_idempotent ||
                             request.find(http::FieldId::idempotency_key) != nullptr;
  return is_repeatable && request.upgrade.empty() && !request.expects_continue &&
         exchange.delivery == nullptr && exchange.record.attempts == 1 && plan.retry->max > 0;
}

Task<Error> until_head_hedged(Exchange& exchange, const Plan& plan, Attempt& first,
                              Witness& witness, TriedEndpoints& tried, HedgePtr& hedge) {
  const auto began = exchange.now();
  const auto delay = plan.hedge->delay();
  Waker waker;
  Fork<Error> asking;
  asking.start(then_wake(first.until_head(), waker));
  if (delay && !asking.ended()) {
    Scope patience(*exchange.scope);
    waker.waiting = &patience;
    (void)co_await sleep_until(patience, began + *delay);
    waker.waiting = nullptr;
    // What the second attempt sends must be known in full.
    if (!asking.ended() && !exchange.scope->cancelled() && first.can_be_doubled())
      hedge = begin(exchange, plan, witness, tried, exchange.now() - began);
  }
  Error error;
  if (hedge) {
    error = co_await race(exchange, plan, first, asking, waker, witness, hedge);
  } else {
    error = co_await asking.join();
  }
  // Of a first attempt that was broken off it is known that it takes at least so long.
  if (hedge || is_acceptable(exchange, plan, first, error, exchange.response))
    plan.hedge->observe(exchange.now() - began, exchange.now());
  if (!hedge) co_return error;
  exchange.record.hedged = telemetry::Hedged::won;
  exchange.worker().telemetry.count(Counter::hedges_won);
  exchange.trace(Stage::receive, Event::hedge_won, hedge->hop.endpoint_id, 1);
  hedge->witness.take_over(witness);
  std::swap(exchange.response, hedge->response);
  hedge->attempt->adopt(exchange.response);
  co_return error;
}

}  // namespace epaulet::path

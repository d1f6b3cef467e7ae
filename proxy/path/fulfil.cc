#include <algorithm>
#include <charconv>

#include "base/error_table.h"
#include "http/grpc.h"
#include "http/hop_by_hop.h"
#include "path/attempt.h"
#include "path/fallback.h"
#include "path/hedge.h"
#include "path/obtaining.h"
#include "path/reach.h"
#include "path/witness.h"
#include "resilience/lost_connection.h"
#include "route/fault.h"
#include "upstream/handshake_counter.h"

namespace epaulet::path {
namespace {

using resilience::RetryVerdict;
using telemetry::Counter;
using telemetry::Event;

/// What is left of one attempt when it did not lead to a response for the caller.
struct Failure {
  Error error;
  std::uint16_t status = 0;
  std::uint8_t grpc_status = 0;  ///< Of a call that an answer has ended; 0: none, or not yet.
  bool was_sent = false;         ///< On a connection, at least begun.
  bool request_written = false;
  bool reused = false;
  bool exhausted_upstream = false;
  bool overloaded_upstream = false;
  Duration waited{};  ///< For an answer that has not come.
};

/// How a call that got this head has ended, as its caller takes it: by an HTTP status, where it has
/// none of its own. 0 is no failure, or that it goes on.
std::uint8_t call_status(const http::ResponseHead& head) {
  const auto told = http::grpc_status(head);
  if (told) return *told;
  return head.status == 200 ? std::uint8_t{0} : grpc_status_of_http(head.status);
}

/// 0 is no failure.
std::optional<GrpcStatus> grpc_status_of(const Exchange& exchange, const Failure& failure) {
  if (!exchange.is_grpc()) return std::nullopt;
  const auto status = failure.error.code == ErrorCode::none
                          ? failure.grpc_status
                          : describe(failure.error.code).grpc_status;
  if (status == 0) return std::nullopt;
  return static_cast<GrpcStatus>(status);
}

resilience::AttemptFacts facts_of(const Exchange& exchange, const Failure& failure,
                                  std::uint32_t attempts) {
  resilience::AttemptFacts facts;
  facts.method = exchange.request.method;
  facts.idempotency_key = exchange.request.find(http::FieldId::idempotency_key) != nullptr;
  facts.error = failure.error;
  facts.status = failure.status;
  facts.grpc_status = grpc_status_of(exchange, failure);
  facts.attempts = attempts;
  facts.body_replayable = exchange.body.replayable();
  facts.request_written = failure.request_written;
  facts.on_reused_connection = failure.reused;
  facts.exhausted_upstream = failure.exhausted_upstream;
  facts.overloaded_upstream = failure.overloaded_upstream;
  return facts;
}

/// The same for whoever watches health. `answered`: by a head, whatever it says.
resilience::CallEnd end_of(const Exchange& exchange, const Failure& failure, bool answered) {
  resilience::CallEnd end;
  if (answered) {
    end.status = failure.status;
    if (exchange.is_grpc()) end.grpc_status = http::grpc_status(exchange.response);
  } else {
    end.error = failure.error;
  }
  end.was_sent = failure.was_sent;
  end.on_reused_connection = failure.reused;
  end.was_hurried = exchange.hurried;
  end.waited = failure.waited;
  return end;
}

void refuse_over_budget(Exchange& exchange) {
  exchange.worker().telemetry.count(Counter::retries_over_budget);
  exchange.trace(Stage::limit, Event::retry_refused,
                 telemetry::intern("the retry budget is spent"));
}

/// How long to wait before a retry.
struct Wait {
  Duration asked{};    ///< The least that the answer asks for.
  Duration backoff{};  ///< What is ours.
  Duration spread{};   ///< Behind what was asked for, see resilience::spread_after().
};

/// A retry that is allowed must also fit: the breaker, the deadline, then the budget. The time to
/// wait before it, or nothing. `attempts`: made so far; `previous`: our wait before this one;
/// `asked`: the least that the answer asks for.
std::optional<Wait> room_for_retry(Exchange& exchange, const Plan& plan, const Witness& witness,
                                   std::uint32_t attempts, Duration previous, Duration asked,
                                   resilience::PlannedRetry& planned) {
  Worker& worker = exchange.worker();
  if (!witness.may_retry()) {
    exchange.trace(Stage::limit, Event::retry_refused, telemetry::intern("the breaker is open"));
    return std::nullopt;
  }
  Wait wait;
  wait.asked = asked;
  wait.backoff =
      resilience::backoff_before(plan.retry->backoff, attempts, previous, worker.loop.random());
  const auto earliest = exchange.now() + asked + wait.backoff;
  const auto deadline = exchange.scope->deadline();
  if (deadline && earliest >= *deadline) {
    exchange.trace(
        Stage::limit, Event::retry_refused,
        telemetry::intern(asked.count() > 0 ? "the deadline comes before Retry-After lets us"
                                            : "the deadline comes before the backoff ends"));
    return std::nullopt;
  }
  if (!planned.plan(plan.budget, exchange.now())) {
    refuse_over_budget(exchange);
    return std::nullopt;
  }
  if (asked.count() > 0) {
    wait.spread = resilience::spread_after(asked, deadline ? *deadline - earliest : Duration::max(),
                                           worker.loop.random());
  }
  return wait;
}

/// Whether it is sent again at once, since the connection was stale. Of which nothing was written,
/// or what the peer promises not to have looked at, is asked once all the same. What the peer may
/// have begun is asked twice: an app that breaks the connections that it keeps would be asked that
/// often each time, and so would all behind it.
bool may_resend(Exchange& exchange, const Plan& plan, const Failure& failure,
                resilience::PlannedRetry& planned) {
  if (exchange.scope->cancelled()) return false;
  if (!failure.request_written || failure.error.retry == Retry::safe) return true;
  if (!planned.plan(plan.budget, exchange.now())) {
    refuse_over_budget(exchange);
    return false;
  }
  exchange.trace(Stage::send, Event::retry_decided);
  return true;
}

/// A peer that speaks for itself has broken off a connection that it seemed to keep. A sidecar that
/// does so has gone, and no app of its own is to blame; nor is a handshake for each request cheap.
void note_loss(Worker& worker, const Failure& failure, upstream::Lease& lease) {
  if (!failure.reused || !resilience::is_lost_connection(failure.error.code)) return;
  if (lease.connection() != nullptr && lease.key().trust == 0)
    worker.pool.lost_in_use(*lease.connection());
}

/// The caller is watched meanwhile: who has left needs no retry.
Task<Result<void>> wait_before_retry(Exchange& exchange, Duration wait) {
  exchange.trace(Stage::send, Event::retry_decided,
                 static_cast<std::uint32_t>(
                     std::chrono::duration_cast<std::chrono::microseconds>(wait).count()));
  exchange.watch_downstream(nullptr);
  const auto slept = co_await sleep_until(*exchange.scope, exchange.now() + wait);
  exchange.unwatch_downstream();
  co_return slept;
}

/// What the exchange ends with if the retry that was decided is not made after all. Of an answer
/// that came before nothing is left but its status: to keep it unread meanwhile would hold its
/// connection, and the app behind it.
Error end_without_retry(const Failure& failure) {
  if (failure.error.code != ErrorCode::none) return failure.error;
  return Error(ErrorCode::answer_replaced, Side::upstream, Stage::receive, Retry::never,
               failure.status | failure.grpc_status << 16);
}

bool has_another(const Exchange& exchange, const Plan& plan, const TriedEndpoints& tried) {
  return !plan.pinned && has_untried(*exchange.view, plan.backend, tried, exchange.now());
}

/// Retry-After: the endpoint is spared for so long, and if there is nobody else to ask, the retry
/// waits for it.
Duration pause_asked_for(const Exchange& exchange, const Plan& plan, Witness& witness,
                         const TriedEndpoints& tried) {
  const auto asked = witness.spare_as_asked(exchange.response);
  if (asked.count() == 0) return asked;
  return has_another(exchange, plan, tried) ? Duration::zero() : asked;
}

/// Whether what the next sidecar told is given to our app in our own words.
bool says_the_same(const Exchange& exchange, const Error& told) {
  if (exchange.is_grpc()) {
    return http::grpc_status(exchange.response) == describe(told.code).grpc_status;
  }
  return describe(told.code).http_status == exchange.response.status;
}

/// Whether a stream failed for no fault of the endpoint's. Of a connection that others share its
/// own end is a race, and one is enough; so is the end of one that a stream carries. What the peer
/// has promised not to have looked at meets the same once more, where it says GOAWAY time and again
/// or takes fewer streams than before. What else it refuses (REFUSED_STREAM) is no race: that may
/// be too much for it, and a retry of it is of the budget.
bool is_race(const Failure& failure, unsigned races, bool carried) {
  const bool closed = failure.error.code == ErrorCode::closed_before_response;
  if (!closed && !carried) return false;
  if (failure.error.retry == Retry::safe) return closed && races < limits::kUnprocessedRetriesMax;
  return failure.reused && races == 0;
}

/// For the next exchange, which may wait for it already.
void give_back(Worker& worker, upstream::LeasePtr lease) {
  auto key = lease->key();
  if (lease->is_carried()) {
    if (!worker.pool.give_back(std::move(lease))) return;
    key.carries = true;
    return worker.shared_pool.came_free(key);
  }
  if (worker.pool.give_back(std::move(lease), worker.dial_gate.is_waited_at(key)))
    worker.dial_gate.came_free(key);
}

}  // namespace

Task<Error> fulfil(Exchange& exchange, const Plan& plan) {
  Worker& worker = exchange.worker();
  TriedEndpoints tried;
  std::optional<TimePoint> fresh_since;
  Duration waited_before{};
  // A backend that stands in for another has retries of its own, out of the same budget.
  const auto attempts_before = exchange.record.attempts;
  unsigned races = 0;
  Witness first_witness(exchange, plan);
  Witness* witness = &first_witness;  // Or that of a second attempt that has won.
  if (const auto entered = witness->enter(); !entered) co_return entered.error();
  if (plan.budget != nullptr && !plan.is_counted) plan.budget->first_attempt(exchange.now());
  for (;;) {
    ++exchange.record.attempts;
    Failure failure;
    auto hop = next_hop(*exchange.view, plan.backend, plan.pinned, tried, plan.session.key,
                        exchange.now());
    upstream::LeasePtr upstream;
    if (!hop) {
      failure.error = hop.error();
    } else {
      witness->begin_attempt(*hop);
      exchange.record.upstream = hop->endpoint;
      if (hop->endpoint_id != 0) {
        exchange.trace(Stage::connect, Event::endpoint_picked, hop->endpoint_id,
                       telemetry::picked_by(exchange.record.attempts, hop->balancer));
      }
      note_zone(worker, *hop, exchange.record.trace);
      auto obtained = co_await obtain_for(exchange, plan, *hop, fresh_since, exchange.record.trace,
                                          *exchange.scope);
      if (obtained) {
        upstream = std::move(*obtained);
      } else {
        failure.error = obtained.error();
      }
    }
    bool answered = false;
    std::optional<Error> told;
    HedgePtr hedge;  // Ends before `upstream`, which its attempt may have won.
    std::optional<Attempt> first;
    Attempt* attempt = nullptr;
    if (upstream) {
      failure.was_sent = true;
      failure.reused = upstream->reused;
      attempt = &first.emplace(exchange, plan, *upstream, *witness);
      if (may_be_hedged(exchange, plan)) {
        failure.error =
            co_await until_head_hedged(exchange, plan, *attempt, *witness, tried, hedge);
      } else {
        failure.error = co_await attempt->until_head();
      }
      if (hedge) {  // It has won.
        first.reset();
        upstream = std::move(hedge->lease);
        attempt = &*hedge->attempt;
        witness = &hedge->witness;
        hop = hedge->hop;
        exchange.record.upstream = hop->endpoint;
        failure.reused = upstream->reused;
      }
      // While the other attempt was told to stop, say: the answer would be half of one.
      if (failure.error.code == ErrorCode::none && exchange.scope->cancelled())
        failure.error = *exchange.scope->cancelled();
      // The one that lost has left half an informational head: no answer can stand behind it.
      if (hedge && failure.error.code == ErrorCode::none && exchange.server.writer().broken())
        failure.error = Error(ErrorCode::cancelled, Side::self, Stage::send);
      if (upstream->connection() == nullptr || upstream->is_carried())
        failure.reused = is_race(failure, races, upstream->is_carried());
      answered = failure.error.code == ErrorCode::none;
      note_loss(worker, failure, *upstream);
      // In TLS 1.3 the handshake is over for us before the server refuses our certificate.
      if (failure.error.code == ErrorCode::tls_handshake_failed)
        worker.telemetry.count(upstream::counter_of(HandshakeFailure::refused_by_peer));
      failure.request_written = attempt->request_was_written();
      failure.waited = attempt->waited();
      failure.status = exchange.response.status;
      if (answered && exchange.is_grpc()) failure.grpc_status = call_status(exchange.response);
      failure.exhausted_upstream = answered && attempt->retries_exhausted_upstream();
      if (answered) {
        told = attempt->told_failure();
        if (told) {
          failure.error = *told;
          failure.reused = false;
        } else {
          failure.overloaded_upstream = attempt->overloaded_upstream();
        }
      }
    }
    // Too much for who was asked is no fault of its own; another may have time.
    const bool is_overloaded = told && told->code == ErrorCode::overloaded;
    const bool is_over_limit = is_overloaded || (told && told->code == ErrorCode::rate_limited);
    const auto end = end_of(exchange, failure, answered && !is_over_limit);
    witness->attempt_ended(end, is_overloaded ? std::nullopt : told);
    const auto attempts = exchange.record.attempts - attempts_before;
    const auto verdict =
        resilience::decide_retry(*plan.retry, facts_of(exchange, failure, attempts), plan.inbound);
    resilience::PlannedRetry planned;
    bool race =
        verdict == RetryVerdict::retry_reuse_race && may_resend(exchange, plan, failure, planned);
    const Duration asked = answered && hop && !is_over_limit
                               ? pause_asked_for(exchange, plan, *witness, tried)
                               : Duration::zero();
    std::optional<Wait> wait;
    const bool has_whom_to_ask = !is_overloaded || has_another(exchange, plan, tried);
    if (verdict == RetryVerdict::retry && has_whom_to_ask && !exchange.scope->cancelled())
      wait = room_for_retry(exchange, plan, *witness, attempts, waited_before, asked, planned);
    // A limit's own words say when to come back, and how much is left.
    const bool in_our_words = answered && failure.error.code != ErrorCode::none && !is_over_limit &&
                              says_the_same(exchange, failure.error);
    const bool may_be_replaced = answered && (!is_over_limit || is_overloaded);
    bool is_replaced =
        may_be_replaced && is_to_be_replaced(exchange, plan, failure.status, failure.error);
    if (attempt != nullptr && attempt->is_uploading() &&
        (race || wait || in_our_words || is_replaced)) {
      // Nobody waits for the rest of an upload whose answer nobody gets. A pull that was under way
      // may have brought more of it than is kept: what is left is no request, so what came, counts.
      co_await attempt->end_upload();
      if (!exchange.body.replayable()) {
        if (race || wait) {
          exchange.trace(Stage::send, Event::retry_refused,
                         telemetry::intern(resilience::name_of(RetryVerdict::no_body_gone)));
        }
        race = false;
        wait.reset();
        planned.give_up();
        is_replaced =
            may_be_replaced && is_to_be_replaced(exchange, plan, failure.status, failure.error);
      }
    }
    if (answered && !race && !wait) {
      Error ended = failure.error;
      witness->answering();
      const bool is_delivered = !in_our_words && !is_replaced;
      if (is_delivered) {
        ended = co_await attempt->deliver();
        witness->delivered(ended);
        if (ended.code != ErrorCode::none) {
          // A mere close would look like the half-close of a caller that still reads.
          co_await attempt->stop(ended);
          co_return ended;
        }
        if (is_over_limit) ended = failure.error;
      } else if (ended.code == ErrorCode::none) {
        ended = Error(ErrorCode::answer_replaced, Side::upstream, Stage::receive, Retry::never,
                      failure.status);
      }
      if (attempt->was_cut()) {
        co_await attempt->stop(ended);
        co_return ended;
      }
      if (!is_delivered) co_await attempt->discard();
      co_await attempt->finish();
      first.reset();
      if (hedge) hedge->attempt.reset();
      give_back(worker, std::move(upstream));
      co_return ended;
    }
    if (attempt != nullptr) co_await attempt->stop(failure.error);
    first.reset();
    if (hedge) hedge->attempt.reset();
    upstream.reset();
    witness->end_attempt();
    exchange.trace(failure.error.stage, Event::attempt_failed,
                   static_cast<std::uint32_t>(failure.error.code),
                   static_cast<std::uint32_t>(failure.error.detail));
    if (exchange.scope->cancelled()) {
      const bool callers_fault = failure.error.code == ErrorCode::body_timeout;
      witness->failed(end);
      co_return callers_fault ? failure.error : *exchange.scope->cancelled();
    }
    // Half an informational answer went out: another attempt's would stand behind it.
    if (exchange.server.writer().broken()) {
      witness->failed(end);
      co_return failure.error;
    }
    if (!race && !wait) {
      if (verdict != RetryVerdict::retry && verdict != RetryVerdict::retry_reuse_race) {
        exchange.trace(Stage::send, Event::retry_refused,
                       telemetry::intern(resilience::name_of(verdict)));
      }
      witness->failed(end);
      co_return failure.error;
    }
    if (wait) {
      waited_before = wait->backoff;
      const auto waited =
          co_await wait_before_retry(exchange, wait->asked + wait->backoff + wait->spread);
      if (!waited) {
        witness->failed(end);  // What came before was no fault of whoever has left.
        co_return waited.error();
      }
    }
    if (!planned.spend(exchange.now())) {
      refuse_over_budget(exchange);
      witness->failed(end);
      co_return end_without_retry(failure);
    }
    if (race) {
      worker.telemetry.count(Counter::reuse_race_saved);
      --exchange.record.attempts;  // The same attempt, on a connection that is alive.
      fresh_since = exchange.now();
      ++races;
    } else {
      worker.telemetry.count(Counter::retries);
    }
    exchange.body.rewind();
    exchange.response.clear();
  }
}

}  // namespace epaulet::path

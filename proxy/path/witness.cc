#include "path/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "http/retry_after.h"

namespace epaulet::path {
namespace {

using resilience::Breaker;
using resilience::CallEnd;
using resilience::Judgement;
using resilience::Outliers;
using telemetry::Event;

std::uint32_t in_ms(Duration time) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      time / std::chrono::milliseconds(1), 0, std::numeric_limits<std::int32_t>::max()));
}

/// Few different ones, since the table of strings forgets nothing: shares in whole percent.
std::string evidence(const Breaker::Change& change, const Breaker::Rules& rules) {
  const auto& sums = change.sums;
  const auto percent = [](std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : part * 100 / whole;
  };
  switch (change.reason) {
    case Breaker::Reason::error_ratio:
      return fmt::format("{}% of the calls failed",
                         percent(sums.failures, sums.calls - std::min(sums.unjudged, sums.calls)));
    case Breaker::Reason::slow:
      return fmt::format("{}% of the calls were slow", percent(sums.slow, sums.calls));
    case Breaker::Reason::consecutive:
      return fmt::format("{} calls in a row failed", rules.consecutive);
    case Breaker::Reason::probe_failed:
      return change.sums.slow > 0 ? "the call that tried was slow" : "the call that tried failed";
    case Breaker::Reason::none:
    case Breaker::Reason::time_is_up:
    case Breaker::Reason::probes_succeeded:
    case Breaker::Reason::count_:
      break;
  }
  return std::string(name_of(change.reason));
}

std::string subject(const BreakerState& state) {
  const auto backend = telemetry::text_of(state.backend);
  const auto source = telemetry::text_of(state.source);
  if (state.route == 0) return fmt::format("that of backend {} ({})", backend, source);
  return fmt::format("that of route {} of {} to backend {} ({})", telemetry::text_of(state.route),
                     telemetry::text_of(state.service), backend, source);
}

std::string_view event_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::open:
      return "breaker_open";
    case Breaker::State::half_open:
      return "breaker_half_open";
    case Breaker::State::closed:
      break;
  }
  return "breaker_closed";
}

std::string_view message_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::open:
      return "a breaker has opened: its backend is not asked for a while";
    case Breaker::State::half_open:
      return "a breaker lets probes through";
    case Breaker::State::closed:
      break;
  }
  return "a breaker has closed: its backend is asked again";
}

void put(telemetry::HealthRecord& record, const resilience::Blame& blame) {
  record.endpoint = blame.endpoint;
  record.outcome = blame.code;
  record.status = blame.status;
  record.grpc_status = blame.grpc_status;
}

}  // namespace

void tell_breaker(Worker& worker, telemetry::Trace& trace, const BreakerState& state,
                  const Breaker::Change& change, const resilience::Blame& blame) {
  const bool opened = change.to == Breaker::State::open;
  const auto said =
      opened ? fmt::format("{}: {}", subject(state), evidence(change, state.breaker->rules()))
             : fmt::format("{}: {}", subject(state), name_of(change.to));
  const auto note = telemetry::intern(said);
  if (opened) state.breaker->set_note(note);
  trace.add(worker.loop.now(), Stage::limit, Event::breaker_changed, note, in_ms(change.open_for));
  telemetry::HealthRecord record;
  record.event = event_of(change.to);
  record.message = message_of(change.to);
  record.reason = name_of(change.reason);
  record.is_bad_news = opened;
  record.service = state.service;
  record.route = state.route;
  record.backend = state.backend;
  record.source = state.source;
  record.lasts = change.open_for;
  record.calls = change.sums.calls;
  record.failures = change.sums.failures;
  record.slow = change.sums.slow;
  record.consecutive = change.consecutive;
  if (opened) put(record, blame);
  worker.telemetry.report(record, worker.loop.wall_now());
}

void tell_endpoint(Worker& worker, telemetry::Trace& trace, const BackendState& backend,
                   const Hop& hop, const Outliers::Change& change, const resilience::Blame& blame) {
  const auto event = change.ejected ? Event::endpoint_ejected : Event::endpoint_restored;
  trace.add(worker.loop.now(), Stage::connect, event, hop.endpoint_id, in_ms(change.out_for));
  telemetry::HealthRecord record;
  record.event = change.ejected ? "endpoint_ejected" : "endpoint_restored";
  record.message = change.ejected ? "an endpoint is left out for a while, since it fails"
                                  : "an endpoint that was left out answers again";
  record.reason = name_of(change.reason);
  record.is_bad_news = change.ejected;
  record.backend = backend.name;
  if (change.ejected) {
    put(record, blame);
    record.lasts = change.out_for;
    record.calls = change.sums.calls;
    record.failures = change.sums.failures;
    record.consecutive = change.consecutive;
  }
  record.endpoint = hop.endpoint_id;
  worker.telemetry.report(record, worker.loop.wall_now());
}

void tell_pause(Worker& worker, const BackendState& backend, const Hop& hop, std::uint16_t status,
                Duration pause) {
  telemetry::HealthRecord record;
  record.event = "endpoint_spared";
  record.message = "an endpoint has asked for a pause: others are preferred meanwhile";
  record.reason = "retry_after";
  record.backend = backend.name;
  record.endpoint = hop.endpoint_id;
  record.lasts = pause;
  record.status = status;
  worker.telemetry.report(record, worker.loop.wall_now());
}

Result<Breaker::Pass> ask_breaker(Worker& worker, telemetry::Trace& trace,
                                  const BreakerState& state) {
  auto entry = state.breaker->enter(worker.loop.now());
  if (entry.change) tell_breaker(worker, trace, state, *entry.change, {});
  if (entry.pass) return std::move(entry.pass);
  // A caller that comes back a moment too early would be refused once more.
  const auto left = in_ms(entry.left + std::chrono::milliseconds(1) - Duration(1));
  Error error(ErrorCode::breaker_open, Side::self, Stage::limit, Retry::never,
              static_cast<std::int32_t>(std::max(left, 1u)));
  error.note = state.breaker->note();
  trace.add(worker.loop.now(), Stage::limit, Event::breaker_refused, error.note, left);
  return error;
}

Witness::Witness(Exchange& exchange, const Plan& plan) : exchange_(exchange), state_(plan.breaker) {
  if (plan.backend != Destination::kNone) backend_ = &exchange.snapshot().backends[plan.backend];
}

Result<void> Witness::enter() {
  if (state_ == nullptr) return Result<void>();
  auto pass = ask_breaker(exchange_.worker(), exchange_.record.trace, *state_);
  if (!pass) return pass.error();
  pass_ = std::move(*pass);
  return Result<void>();
}

void Witness::begin_attempt(const Hop& hop) {
  hop_ = hop;
  in_flight_ = balance::InFlight(hop.load, balance::Flight::request, exchange_.now());
  is_watched_ = backend_ != nullptr;
  is_open_ = false;
}

resilience::Blame Witness::blame(const CallEnd& end) const {
  return {end.error.code, end.status, end.grpc_status, hop_.endpoint_id};
}

Duration Witness::spare_as_asked(const http::ResponseHead& answer) {
  if (backend_ == nullptr) return Duration::zero();
  const auto asked = http::retry_after(answer, exchange_.worker().loop.wall_now());
  if (!asked || asked->count() == 0) return Duration::zero();
  // A limit is of whoever has asked too often, and the others have not.
  if (answer.status == 429) return *asked;
  const auto now = exchange_.now();
  if (backend_->outliers->spare(hop_.health, now, now + *asked, answer.status))
    tell_pause(exchange_.worker(), *backend_, hop_, answer.status, *asked);
  return *asked;
}

/// From the last attempt's request to the head of its answer, or until it was given up.
Duration Witness::took() const {
  if (asked_at_ == TimePoint()) return Duration::zero();
  const bool has_head = head_at_ >= asked_at_;
  return (has_head ? head_at_ : exchange_.now()) - asked_at_;
}

void Witness::settle_endpoint(Judgement judgement, bool unsent) {
  if (backend_ == nullptr) return;
  if (judgement == Judgement::success) in_flight_.answered(took(), exchange_.now());
  // Whoever was to answer was not quick, whether that was its fault or not.
  if (judgement == Judgement::no_evidence && end_.waited.count() > 0)
    in_flight_.unanswered(end_.waited, exchange_.now());
  // Its balancer hears of an overload: who refuses quickly is not who has time.
  if (judgement == Judgement::failure || end_.error.code == ErrorCode::overloaded)
    in_flight_.failed(exchange_.now());
  const bool is_try = is_watched_ && hop_.is_try;
  const bool in_vain = judgement == Judgement::no_evidence && end_.waited.count() > 0;
  auto& outliers = *backend_->outliers;
  const auto change =
      in_vain
          ? outliers.unanswered(hop_.health, is_try, exchange_.now(), end_.waited, blame(end_))
          : outliers.settle(hop_.health, is_try, exchange_.now(), judgement, unsent, blame(end_));
  is_watched_ = false;
  if (change) {
    tell_endpoint(exchange_.worker(), exchange_.record.trace, *backend_, hop_, *change,
                  blame(end_));
  }
}

void Witness::settle_exchange(const CallEnd& end) {
  if (state_ == nullptr) return;
  auto& breaker = *state_->breaker;
  const auto judgement = resilience::judge(breaker.rules().failures, end);
  std::optional<Breaker::Change> change;
  if (pass_) {
    change = breaker.settle(std::move(pass_), exchange_.now(), judgement, took(), blame(end));
  } else if (judgement == Judgement::failure) {
    change = breaker.fail_late(exchange_.now(), blame(end));
  }
  if (change)
    tell_breaker(exchange_.worker(), exchange_.record.trace, *state_, *change, blame(end));
}

void Witness::attempt_ended(const CallEnd& end, const std::optional<Error>& told) {
  if (backend_ == nullptr) return;
  end_ = end;
  begun_ = false;
  if (end.error.code == ErrorCode::none && !told)
    backend_->outliers->answered(hop_.health, exchange_.now(), took());
  is_open_ = end.error.code == ErrorCode::none && exchange_.is_grpc() && end.status == 200 &&
             !end.grpc_status;
  if (is_open_) return;
  // Its sidecar was a moment faster to see that the time which the caller gave was over.
  if (told && told->code == ErrorCode::deadline_exceeded && end.was_hurried) {
    end_ = {};
    end_.error = *told;
    end_.waited = took();
    return settle_endpoint(Judgement::no_evidence, false);
  }
  // What could not reach its own app says so in a response.
  const bool could_not = told && told->retry != Retry::never;
  const auto& error = told ? *told : end.error;
  const auto judgement =
      could_not ? Judgement::failure : resilience::judge(backend_->outliers->rules().failures, end);
  settle_endpoint(judgement, error.code != ErrorCode::none && error.retry == Retry::safe);
}

void Witness::abandoned(Duration waited) {
  end_ = {};
  end_.waited = waited;
  settle_endpoint(Judgement::no_evidence, false);
  end_attempt();
}

void Witness::take_over(Witness& other) {
  state_ = std::exchange(other.state_, nullptr);
  pass_ = std::move(other.pass_);
}

void Witness::answering() {
  if (backend_ != nullptr && !is_open_) settle_exchange(end_);
}

void Witness::message_came() {
  if (!is_open_) return;
  is_open_ = false;
  begun_ = true;
  settle_endpoint(Judgement::success, false);
  settle_exchange(end_);
}

void Witness::delivered(const Error& ended) {
  if (backend_ == nullptr) return;
  // An answer may be a stream that outlives our patience.
  const bool time_is_up =
      ended.code == ErrorCode::idle_timeout || ended.code == ErrorCode::stream_idle_timeout ||
      ended.code == ErrorCode::request_timeout || ended.code == ErrorCode::deadline_exceeded;
  if (time_is_up && !is_open_) return;
  end_.error = ended;
  if (exchange_.is_grpc()) end_.grpc_status = exchange_.record.grpc_status;
  const auto judgement = resilience::judge(backend_->outliers->rules().failures, end_);
  const bool is_late = ended.code != ErrorCode::none || begun_;
  if (is_open_ || (is_late && judgement == Judgement::failure)) settle_endpoint(judgement, false);
  if (is_open_ || is_late) settle_exchange(end_);
  is_open_ = false;
}

void Witness::failed(const CallEnd& end) {
  if (backend_ != nullptr) settle_exchange(end);
}

TunnelWitness::~TunnelWitness() {
  settle();
}

Result<void> TunnelWitness::enter() {
  if (state_ == nullptr) return Result<void>();
  auto pass = ask_breaker(connection_.worker, connection_.record().trace, *state_);
  if (!pass) return pass.error();
  pass_ = std::move(*pass);
  return Result<void>();
}

void TunnelWitness::dialled(const Hop& hop, const Error& error) {
  hop_ = hop;
  error_ = error;
  CallEnd end;
  end.error = error;
  const resilience::Blame blame{error.code, 0, {}, hop.endpoint_id};
  const auto change = backend_.outliers->settle(
      hop.health, hop.is_try, connection_.now(),
      resilience::judge(backend_.outliers->rules().failures, end), true, blame);
  if (change)
    tell_endpoint(connection_.worker, connection_.record().trace, backend_, hop, *change, blame);
  if (error.code == ErrorCode::none) settle();
}

void TunnelWitness::settle() {
  if (!pass_) return;
  CallEnd end;
  end.error = error_;
  const resilience::Blame blame{error_.code, 0, {}, hop_.endpoint_id};
  const auto judgement = resilience::judge(state_->breaker->rules().failures, end);
  const auto change = state_->breaker->settle(std::move(pass_), connection_.now(), judgement,
                                              Duration::zero(), blame);
  if (change) tell_breaker(connection_.worker, connection_.record().trace, *state_, *change, blame);
}

}  // namespace epaulet::path

#pragma once

#include "path/exchange.h"
#include "path/reach.h"

namespace epaulet::path {

/// A breaker's transition, in log and trace.
void tell_breaker(Worker& worker, telemetry::Trace& trace, const BreakerState& state,
                  const resilience::Breaker::Change& change, const resilience::Blame& blame);
/// An endpoint's.
void tell_endpoint(Worker& worker, telemetry::Trace& trace, const BackendState& backend,
                   const Hop& hop, const resilience::Outliers::Change& change,
                   const resilience::Blame& blame);
/// A pause that an endpoint has asked for by an answer of this status.
void tell_pause(Worker& worker, const BackendState& backend, const Hop& hop, std::uint16_t status,
                Duration pause);
/// Leave of the breaker. Errors: breaker_open, with the milliseconds that are left.
[[nodiscard]] Result<resilience::Breaker::Pass> ask_breaker(Worker& worker, telemetry::Trace& trace,
                                                            const BreakerState& state);

/// What one exchange tells of the health of whom it asks: each attempt of its endpoint, the
/// exchange as its caller sees it of the breaker, so that what a retry has saved does not count
/// there. Settled when an answer begins: with its head, or with the first message of a gRPC call,
/// whose status comes later; an answer that breaks off after that is one failure more.
class Witness {
 public:
  Witness(Exchange& exchange, const Plan& plan);

  /// Before the first attempt. Errors: breaker_open.
  [[nodiscard]] Result<void> enter();
  /// Another attempt would be refused: the breaker has opened meanwhile.
  [[nodiscard]] bool may_retry() const { return state_ == nullptr || state_->breaker->is_closed(); }
  void begin_attempt(const Hop& hop);
  /// Of the attempt: its request begins, and the head of its answer has come.
  void asked(TimePoint at) { asked_at_ = at; }
  void head_came(TimePoint at) { head_at_ = at; }
  /// Retry-After: a retry waits for so long, which is given, or goes elsewhere; with 503 its
  /// endpoint is spared meanwhile by all others, too. Zero: it does not ask for it.
  Duration spare_as_asked(const http::ResponseHead& answer);
  /// The attempt led to no answer, or to this head. `told`: by the next sidecar, in the answer.
  void attempt_ended(const resilience::CallEnd& end, const std::optional<Error>& told);
  /// The attempt was broken off for no fault of its endpoint's, whose answer it had `waited` for
  /// (zero: it had not).
  void abandoned(Duration waited);
  /// Of an exchange whose other attempt has won: what is left to tell of it, its breaker hears from
  /// here.
  void take_over(Witness& other);
  /// The head is given to the caller; there is no other attempt.
  void answering();
  /// A message of the answer has come.
  void message_came();
  /// The answer was given to the caller, whole or not.
  void delivered(const Error& ended);
  /// Nothing more is under way to its endpoint. At the latest with this object.
  void end_attempt() { in_flight_.let_go(); }
  /// The exchange ends without an answer of the upstream's.
  void failed(const resilience::CallEnd& end);

 private:
  void settle_endpoint(resilience::Judgement judgement, bool unsent);
  void settle_exchange(const resilience::CallEnd& end);
  [[nodiscard]] resilience::Blame blame(const resilience::CallEnd& end) const;
  [[nodiscard]] Duration took() const;

  Exchange& exchange_;
  const BackendState* backend_ = nullptr;  ///< None: the app beside us.
  const BreakerState* state_ = nullptr;
  resilience::Breaker::Pass pass_;
  Hop hop_;
  TimePoint asked_at_{};
  TimePoint head_at_{};
  balance::InFlight in_flight_;
  bool is_watched_ = false;  ///< hop_ is to be settled.
  bool is_open_ = false;     ///< A gRPC call of which neither status nor message has come.
  bool begun_ = false;       ///< It was settled with its first message.
  resilience::CallEnd end_;  ///< Of the last attempt.
};

/// The same of a tunnel, of which nothing can be told but whether its connection could be made.
class TunnelWitness {
 public:
  TunnelWitness(Connection& connection, const BackendState& backend, const BreakerState* state)
      : connection_(connection), backend_(backend), state_(state) {}
  /// Whatever was not settled has failed: the last attempt was the end.
  ~TunnelWitness();

  [[nodiscard]] Result<void> enter();
  [[nodiscard]] bool may_retry() const { return state_ == nullptr || state_->breaker->is_closed(); }
  void dialled(const Hop& hop, const Error& error);

 private:
  void settle();

  Connection& connection_;
  const BackendState& backend_;
  const BreakerState* state_;
  resilience::Breaker::Pass pass_;
  Hop hop_;
  Error error_;
};

}  // namespace epaulet::path

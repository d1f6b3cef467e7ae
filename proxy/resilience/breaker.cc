#include "resilience/breaker.h"

#include <algorithm>

namespace epaulet::resilience {
namespace {

/// What is known of the time that a probe takes: nothing. So long may pass before the next caller
/// asks.
constexpr std::chrono::seconds kProbing{1};

double share(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Breaker::Rules::Rules(const BreakerSettings& settings)
    : error_ratio(settings.error_ratio),
      min_requests(settings.min_requests),
      window(settings.window),
      consecutive(settings.consecutive.value_or(0)),
      slow(settings.slow ? settings.slow->over : std::chrono::nanoseconds(0)),
      slow_ratio(settings.slow ? settings.slow->ratio : 1),
      open_for(settings.open_for),
      max_open_for(settings.max_open_for),
      probes(settings.probes),
      failures(FailureRules::of_breaker(settings.failures)) {
  if (!error_ratio && consecutive == 0 && slow.count() == 0) error_ratio = 0.5;
}

std::string_view name_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::closed:
      return "closed";
    case Breaker::State::open:
      return "open";
    case Breaker::State::half_open:
      return "half_open";
  }
  return "closed";
}

std::string_view name_of(Breaker::Reason reason) {
  switch (reason) {
    case Breaker::Reason::error_ratio:
      return "error_ratio";
    case Breaker::Reason::consecutive:
      return "consecutive";
    case Breaker::Reason::slow:
      return "slow";
    case Breaker::Reason::probe_failed:
      return "probe_failed";
    case Breaker::Reason::time_is_up:
      return "time_is_up";
    case Breaker::Reason::probes_succeeded:
      return "probes_succeeded";
    case Breaker::Reason::none:
    case Breaker::Reason::count_:
      break;
  }
  return "none";
}

Breaker::Entry Breaker::enter(TimePoint now) {
  const auto word = word_.load(std::memory_order_relaxed);
  if (state_in(word) != State::closed) return enter_not_closed(now);
  return {Pass(*this, word), {}, {}};
}

Breaker::Entry Breaker::refuse(std::chrono::nanoseconds left) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  return {{}, left, {}};
}

Breaker::Entry Breaker::enter_not_closed(TimePoint now) {
  const TimePoint until(TimePoint::duration(until_.load(std::memory_order_relaxed)));
  // Under load nearly all calls end here, without the lock.
  if (state_in(word_.load(std::memory_order_relaxed)) == State::open && now < until)
    return refuse(until - now);
  const std::lock_guard lock(mutex_);
  switch (state_in(word_.load(std::memory_order_relaxed))) {
    case State::closed:
      return {Pass(*this, word_.load(std::memory_order_relaxed)), {}, {}};
    case State::open: {
      if (now < ledger_.until) return refuse(ledger_.until - now);
      probes_out_ = 1;
      probes_succeeded_ = 0;
      last_probe_ = now;
      const auto change = move_to(State::half_open, Reason::time_is_up, now, {});
      return {Pass(*this, word_.load(std::memory_order_relaxed)), {}, change};
    }
    case State::half_open:
      break;
  }
  // A probe may never end, a stream for example: others must not wait for it for ever.
  const bool is_overdue = now - last_probe_ >= rules_.open_for;
  if (probes_out_ + probes_succeeded_ >= rules_.probes && !is_overdue) return refuse(kProbing);
  ++probes_out_;
  last_probe_ = now;
  return {Pass(*this, word_.load(std::memory_order_relaxed)), {}, {}};
}

void Breaker::forget(std::uint64_t word) {
  if (state_in(word) != State::half_open) return;
  const std::lock_guard lock(mutex_);
  if (word_.load(std::memory_order_relaxed) == word && probes_out_ > 0) --probes_out_;
}

std::optional<Breaker::Change> Breaker::settle(Pass pass, TimePoint now, Judgement judgement,
                                               std::chrono::nanoseconds took, const Blame& blame) {
  if (!pass) return std::nullopt;
  pass.breaker_ = nullptr;
  const bool slow = rules_.slow.count() > 0 && took > rules_.slow;
  const auto word = word_.load(std::memory_order_relaxed);
  if (state_in(pass.word_) == State::half_open)
    return settle_probe(pass.word_, now, judgement, slow, blame);
  if (word != pass.word_) return std::nullopt;  // Begun before the last transition.
  if (judgement == Judgement::no_evidence && !slow) return std::nullopt;
  return count(now, judgement, slow, word, blame);
}

std::optional<Breaker::Change> Breaker::fail_late(TimePoint now, const Blame& blame) {
  const auto word = word_.load(std::memory_order_relaxed);
  if (state_in(word) != State::closed) return std::nullopt;
  return count(now, Judgement::failure, false, word, blame);
}

std::optional<Breaker::Change> Breaker::count(TimePoint now, Judgement judgement, bool slow,
                                              std::uint64_t word, const Blame& blame) {
  std::uint32_t row = 0;
  const bool failed = judgement == Judgement::failure;
  if (failed) {
    row = consecutive_.fetch_add(1, std::memory_order_relaxed) + 1;
  } else if (judgement == Judgement::success && consecutive_.load(std::memory_order_relaxed) != 0) {
    consecutive_.store(0, std::memory_order_relaxed);
  }
  if (judgement == Judgement::no_evidence) {
    window_.add_unjudged(now);
  } else {
    window_.add(now, failed, slow);
  }
  if (!failed && !slow) return std::nullopt;
  auto change = reached(now, row);
  if (!change) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (word_.load(std::memory_order_relaxed) != word) return std::nullopt;  // Another was first.
  return open(change->reason, now, *change, blame);
}

/// Why it is to open, if it is.
std::optional<Breaker::Change> Breaker::reached(TimePoint now, std::uint32_t consecutive) const {
  Change change;
  change.consecutive = consecutive;
  change.sums = window_.sums(now);
  const auto& sums = change.sums;
  const auto judged = sums.calls - std::min(sums.unjudged, sums.calls);
  const bool enough = sums.calls >= rules_.min_requests && sums.calls > 0;
  const bool enough_judged = judged >= rules_.min_requests && judged > 0;
  if (rules_.consecutive > 0 && consecutive >= rules_.consecutive) {
    change.reason = Reason::consecutive;
  } else if (enough_judged && rules_.error_ratio && sums.failures > 0 &&
             share(sums.failures, judged) >= *rules_.error_ratio) {
    change.reason = Reason::error_ratio;
  } else if (enough && rules_.slow.count() > 0 && sums.slow > 0 &&
             share(sums.slow, sums.calls) >= rules_.slow_ratio) {
    change.reason = Reason::slow;
  } else {
    return std::nullopt;
  }
  return change;
}

std::optional<Breaker::Change> Breaker::settle_probe(std::uint64_t word, TimePoint now,
                                                     Judgement judgement, bool slow,
                                                     const Blame& blame) {
  const std::lock_guard lock(mutex_);
  if (word_.load(std::memory_order_relaxed) != word) return std::nullopt;
  if (probes_out_ > 0) --probes_out_;
  if (judgement == Judgement::failure || slow) {
    Change change;
    change.sums.calls = 1;
    change.sums.failures = judgement == Judgement::failure ? 1 : 0;
    change.sums.slow = slow ? 1 : 0;
    return open(Reason::probe_failed, now, change, blame);
  }
  if (judgement == Judgement::no_evidence) return std::nullopt;
  if (++probes_succeeded_ < rules_.probes) return std::nullopt;
  open_for_ = {};
  consecutive_.store(0, std::memory_order_relaxed);
  window_.clear();
  return move_to(State::closed, Reason::probes_succeeded, now, {});
}

Breaker::Change Breaker::open(Reason reason, TimePoint now, Change with, const Blame& blame) {
  open_for_ =
      open_for_.count() == 0 ? rules_.open_for : std::min(open_for_ * 2, rules_.max_open_for);
  ledger_.until = now + open_for_;
  ledger_.blame = blame;
  until_.store(ledger_.until.time_since_epoch().count(), std::memory_order_relaxed);
  with.open_for = open_for_;
  return move_to(State::open, reason, now, with);
}

Breaker::Change Breaker::move_to(State to, Reason reason, TimePoint now, Change with) {
  with.to = to;
  with.reason = reason;
  ledger_.state = to;
  ledger_.since = now;
  ledger_.last = with;
  ++ledger_.transitions[static_cast<std::size_t>(reason)];
  const auto number = (word_.load(std::memory_order_relaxed) >> 2) + 1;
  word_.store(number << 2 | static_cast<std::uint64_t>(to), std::memory_order_relaxed);
  return with;
}

Breaker::Ledger Breaker::ledger() const {
  const std::lock_guard lock(mutex_);
  Ledger ledger = ledger_;
  ledger.refused = refused_.load(std::memory_order_relaxed);
  return ledger;
}

}  // namespace epaulet::resilience

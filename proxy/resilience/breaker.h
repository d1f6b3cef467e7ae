#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "resilience/call_window.h"
#include "resilience/judge.h"

namespace epaulet::resilience {

/// The last call that told against somebody, for the ledger.
struct Blame {
  ErrorCode code = ErrorCode::none;
  std::uint16_t status = 0;
  std::optional<std::uint8_t> grpc_status;
  std::uint32_t endpoint = 0;  ///< A string's id.
};

/// Refuses what would most likely fail.
///
///   closed -> open: a ratio or row of the rules is reached
///   open -> half open: its time is up, and somebody asks
///   half open -> closed: as many probes as the rules want have succeeded
///   half open -> open: a probe has failed (or was slow): for twice as long as before
///
/// What was begun in an earlier state counts no more. One for all workers, outside snapshots. While
/// closed, enter() is one relaxed load and settle() of a success three or four relaxed operations;
/// everything else takes a lock. Any thread.
class Breaker {
 public:
  struct Rules {
    explicit Rules(const BreakerSettings& settings);
    std::optional<double> error_ratio;
    std::uint32_t min_requests;
    std::chrono::nanoseconds window;
    std::uint32_t consecutive;      ///< 0: any number.
    std::chrono::nanoseconds slow;  ///< 0: however late.
    double slow_ratio;
    std::chrono::nanoseconds open_for;
    std::chrono::nanoseconds max_open_for;
    std::uint32_t probes;
    FailureRules failures;
  };
  enum class State : std::uint8_t { closed, open, half_open };
  enum class Reason : std::uint8_t {
    none,
    error_ratio,
    consecutive,
    slow,
    probe_failed,
    time_is_up,
    probes_succeeded,
    count_
  };

  explicit Breaker(const Rules& rules) : rules_(rules), window_(rules.window) {}

  /// Leave to call, to be settled once. Destroyed before that, it counts for nothing.
  class Pass {
   public:
    Pass() = default;
    Pass(Breaker& breaker, std::uint64_t word) : breaker_(&breaker), word_(word) {}
    Pass(Pass&& other) noexcept
        : breaker_(std::exchange(other.breaker_, nullptr)), word_(other.word_) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(breaker_, other.breaker_);
      std::swap(word_, other.word_);
      return *this;
    }
    ~Pass() {
      if (breaker_ != nullptr) breaker_->forget(word_);
    }
    [[nodiscard]] explicit operator bool() const { return breaker_ != nullptr; }

   private:
    friend class Breaker;
    Breaker* breaker_ = nullptr;
    std::uint64_t word_ = 0;
  };

  /// A transition that happened in this call: whoever gets it says so.
  struct Change {
    State to = State::closed;
    Reason reason = Reason::none;
    CallWindow::Sums sums;
    std::uint32_t consecutive = 0;
    std::chrono::nanoseconds open_for{0};  ///< If it opened.
  };
  struct Entry {
    Pass pass;                         ///< Empty: refused.
    std::chrono::nanoseconds left{0};  ///< If refused: until it may be worth asking.
    std::optional<Change> change;
  };
  [[nodiscard]] Entry enter(TimePoint now);
  /// Whether a retry may go on: it would not be refused.
  [[nodiscard]] bool is_closed() const {
    return state_in(word_.load(std::memory_order_relaxed)) == State::closed;
  }
  /// `took`: until the head of the answer, or until it was given up; a call that was no evidence
  /// may still have been slow, and is then nothing else: it ends no row, and is of no error ratio.
  std::optional<Change> settle(Pass pass, TimePoint now, Judgement judgement,
                               std::chrono::nanoseconds took, const Blame& blame);
  /// One more failure of a call that was settled as a success before.
  std::optional<Change> fail_late(TimePoint now, const Blame& blame);

  /// For admin and metrics.
  struct Ledger {
    State state = State::closed;
    TimePoint since{};
    TimePoint until{};  ///< While open.
    Change last;        ///< The transition that led here.
    Blame blame;        ///< Of the last opening.
    std::uint64_t refused = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(Reason::count_)> transitions{};
  };
  [[nodiscard]] Ledger ledger() const;
  [[nodiscard]] const Rules& rules() const { return rules_; }
  [[nodiscard]] CallWindow::Sums sums(TimePoint now) const { return window_.sums(now); }

  /// What callers are told of the last opening: a string's id.
  void set_note(std::uint32_t note) { note_.store(note, std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t note() const { return note_.load(std::memory_order_relaxed); }

 private:
  /// The state in the last two bits, above it a number that each transition makes larger.
  static State state_in(std::uint64_t word) { return static_cast<State>(word & 3); }
  void forget(std::uint64_t word);
  Entry enter_not_closed(TimePoint now);
  [[nodiscard]] Entry refuse(std::chrono::nanoseconds left);
  std::optional<Change> count(TimePoint now, Judgement judgement, bool slow, std::uint64_t word,
                              const Blame& blame);
  std::optional<Change> settle_probe(std::uint64_t word, TimePoint now, Judgement judgement,
                                     bool slow, const Blame& blame);
  [[nodiscard]] std::optional<Change> reached(TimePoint now, std::uint32_t consecutive) const;
  // Under mutex_.
  Change move_to(State to, Reason reason, TimePoint now, Change with);
  Change open(Reason reason, TimePoint now, Change with, const Blame& blame);

  const Rules rules_;
  std::atomic<std::uint64_t> word_{0};
  std::atomic<std::int64_t> until_{0};  ///< Nanoseconds of the monotonic clock, while open.
  std::atomic<std::uint32_t> consecutive_{0};
  std::atomic<std::uint32_t> note_{0};
  std::atomic<std::uint64_t> refused_{0};
  CallWindow window_;

  mutable std::mutex mutex_;  // Guards everything below, and every change of word_.
  std::uint32_t probes_out_ = 0;
  std::uint32_t probes_succeeded_ = 0;
  TimePoint last_probe_{};
  std::chrono::nanoseconds open_for_{0};  ///< The last time that it was open; 0: it has closed.
  Ledger ledger_;
};

[[nodiscard]] std::string_view name_of(Breaker::State state);
[[nodiscard]] std::string_view name_of(Breaker::Reason reason);

}  // namespace epaulet::resilience

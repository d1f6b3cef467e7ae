#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/clock.h"

namespace epaulet::balance {

/// What is under way to an endpoint: a request, or a connection whose end alone is known.
enum class Flight : std::uint8_t { request, tunnel };

/// What one worker knows of the load of one endpoint: what is under way, and how long answers took.
///
/// The latency is a peak EWMA (as in Finagle): a slower answer counts at once, a faster one by the
/// time since the one before, and what was not asked for long is forgotten. Who is left alone
/// because it was slow once is looked at again long before that: is_due(). Counted without atomics:
/// the worker's thread only. It outlives the set of endpoints that it came with as long as
/// something is under way.
class Load : public boost::intrusive_ref_counter<Load, boost::thread_unsafe_counter> {
 public:
  using Time = std::chrono::nanoseconds;
  /// How fast the past is forgotten.
  static constexpr Time kDecay = std::chrono::seconds(10);
  /// Who was not asked for so long is as good as unknown, and asked again.
  static constexpr Time kForgotten = std::chrono::seconds(30);
  /// Who was left alone for so long gets one request to look at it. Each look in a row waits twice
  /// as long, up to kForgotten: who is slow for good costs next to nothing, and who was slow to
  /// begin with (a first answer waits for connections, caches and compilers) is back soon.
  static constexpr Time kLook = std::chrono::milliseconds(100);
  /// So many requests that were no look, and it is in use: the next look need not wait.
  static constexpr std::uint32_t kInUse = 16;
  /// What is expected of an endpoint that has been asked once and not answered yet: one request
  /// finds out, not a crowd.
  static constexpr Time kUnproven = std::chrono::seconds(1);
  /// Latencies that differ by less than this do not differ.
  static constexpr Time kFloor = std::chrono::microseconds(100);

  explicit Load(TimePoint since) : since_(since) {}

  void begin(Flight flight, TimePoint now);
  void end() { --outstanding_; }
  void answered(Time took, TimePoint now);
  /// An endpoint that fails at once is not a fast one: it counts as twice as slow as before, or as
  /// slow as it was, up to kUnproven.
  void failed(Time took, TimePoint now);
  /// Somebody has waited for so long and waits no longer: an answer takes at least that. Never
  /// makes it faster, and is no answer: the first that comes still says how long they take.
  void unanswered(Time waited, TimePoint now);

  /// The next request may find out how it does now: whatever it is taken for, none is under way,
  /// and none was for a while.
  [[nodiscard]] bool is_due(TimePoint now) const {
    return was_asked_ && outstanding_ == 0 && now - asked_ >= look_after_;
  }
  [[nodiscard]] std::uint32_t outstanding() const { return outstanding_; }
  /// What an answer is expected to take, in nanoseconds; 0 if nothing is known.
  [[nodiscard]] double latency(TimePoint now) const;
  /// Since when it is an endpoint.
  [[nodiscard]] TimePoint since() const { return since_; }

 private:
  TimePoint since_;
  TimePoint asked_{};     ///< A request was begun last.
  TimePoint measured_{};  ///< latency_ is of then.
  double latency_ = 0;    ///< Nanoseconds.
  Time look_after_ = kLook;
  std::uint32_t outstanding_ = 0;
  std::uint32_t in_a_row_ = 0;  ///< Requests since the last look.
  bool was_asked_ = false;
  bool is_proven_ = false;  ///< latency_ is of an answer.
  bool looks_ = false;      ///< What is under way is to find out.
};
using LoadPtr = boost::intrusive_ptr<Load>;

/// One thing that is under way to an endpoint, until it is destroyed or let go. May be empty.
class InFlight {
 public:
  InFlight() = default;
  InFlight(LoadPtr load, Flight flight, TimePoint now) : load_(std::move(load)), began_(now) {
    if (load_) load_->begin(flight, now);
  }
  InFlight(InFlight&& other) noexcept = default;
  InFlight& operator=(InFlight&& other) noexcept {
    if (this == &other) return *this;
    let_go();
    load_ = std::move(other.load_);
    began_ = other.began_;
    return *this;
  }
  ~InFlight() { let_go(); }

  void answered(Load::Time took, TimePoint now) {
    if (load_) load_->answered(took, now);
  }
  void failed(TimePoint now) {
    if (load_) load_->failed(now - began_, now);
  }
  void unanswered(Load::Time waited, TimePoint now) {
    if (load_) load_->unanswered(waited, now);
  }
  void let_go() {
    if (load_) load_->end();
    load_.reset();
  }

 private:
  LoadPtr load_;
  TimePoint began_{};
};

}  // namespace epaulet::balance

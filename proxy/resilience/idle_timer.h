#pragma once

#include "runtime/scope.h"

namespace epaulet::resilience {

/// Cancels a scope when nothing has moved for a while. touch() only notes the time: the timer looks
/// when it fires and arms itself again for the rest, so that a byte costs no timer operation.
class IdleTimer final : private Timer {
 public:
  explicit IdleTimer(Scope& scope) : scope_(scope) {}

  /// `idle` 0 or less: never fires.
  void start(std::chrono::nanoseconds idle, const Error& why) {
    idle_ = idle;
    why_ = why;
    touch();
    disarm();  // An earlier start() is over.
    if (idle_.count() > 0) scope_.loop().timers().arm(*this, last_ + idle_);
  }
  void touch() { last_ = scope_.loop().now(); }
  /// When something has moved last, whether or not the timer runs.
  [[nodiscard]] TimePoint last() const { return last_; }
  void stop() { disarm(); }

 private:
  void on_timer() override {
    const auto due = last_ + idle_;
    if (due > scope_.loop().now()) return scope_.loop().timers().arm(*this, due);
    scope_.cancel(why_);
  }
  Scope& scope_;
  std::chrono::nanoseconds idle_{0};
  TimePoint last_{};
  Error why_;
};

}  // namespace epaulet::resilience

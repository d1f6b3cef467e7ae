#pragma once

#include <coroutine>
#include <optional>

#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/result.h"
#include "runtime/loop.h"
#include "runtime/timers.h"

namespace epaulet {

/// Something that waits and can be told to stop: a pending read, a sleep, a queue for a permit, a
/// child scope.
class Cancellable : public ListNode {
 public:
  /// Called once, already unlinked. Must not run the waiter: it makes it ready in the loop.
  virtual void on_cancel(const Error& why) = 0;

 protected:
  ~Cancellable() = default;
};

/// What an exchange, an attempt or a connection waits within: one cancellation, one deadline.
/// The first reason wins and reaches every waiter and every child scope. A child ends before its
/// parent. Costs no allocation; the deadline is one timer entry however many operations run under
/// it.
class Scope final : private Cancellable, private Timer {
 public:
  explicit Scope(Loop& loop) : loop_(loop) {}
  explicit Scope(Scope& parent) : loop_(parent.loop_), parent_(&parent) {
    if (parent.cancelled_) {
      cancelled_ = parent.cancelled_;
    } else {
      parent.add(*this);
    }
  }

  [[nodiscard]] Loop& loop() const { return loop_; }

  /// Cancels with `why` at `at`. Replaces this scope's earlier deadline; the parent's stays in
  /// force.
  void set_deadline(TimePoint at, const Error& why);
  void clear_deadline() {
    Timer::disarm();
    deadline_.reset();
  }
  /// The earliest deadline of this scope and its ancestors.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  void cancel(const Error& why);
  [[nodiscard]] const std::optional<Error>& cancelled() const { return cancelled_; }

  /// The waiter hears of the cancellation; it leaves by unlinking. The scope must not be cancelled
  /// yet.
  void add(Cancellable& waiter) { waiters_.push_back(waiter); }

 private:
  void on_cancel(const Error& why) override { cancel(why); }
  void on_timer() override { cancel(deadline_reason_); }

  Loop& loop_;
  Scope* parent_ = nullptr;
  IntrusiveList<Cancellable> waiters_;
  std::optional<Error> cancelled_;
  std::optional<TimePoint> deadline_;
  Error deadline_reason_;
};

/// `co_await sleep_until(scope, at)`: the error of the scope if it was cancelled first.
class Sleep final : private Timer, private Cancellable, private ReadyItem {
 public:
  Sleep(Scope& scope, TimePoint until) : scope_(scope), until_(until) {}

  bool await_ready() {
    if (scope_.cancelled()) result_ = *scope_.cancelled();
    return scope_.cancelled().has_value();
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    scope_.add(*this);
    scope_.loop().timers().arm(*this, until_);
  }
  Result<void> await_resume() { return result_; }

 private:
  void on_timer() override {
    Cancellable::unlink();
    scope_.loop().ready(*this);
  }
  void on_cancel(const Error& why) override {
    Timer::disarm();
    result_ = why;
    scope_.loop().ready(*this);
  }
  void run() override { waiter_.resume(); }

  Scope& scope_;
  TimePoint until_;
  std::coroutine_handle<> waiter_;
  Result<void> result_;
};
[[nodiscard]] inline Sleep sleep_until(Scope& scope, TimePoint until) {
  return Sleep(scope, until);
}

}  // namespace epaulet

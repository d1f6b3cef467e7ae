#pragma once

#include <coroutine>

#include "base/intrusive_list.h"
#include "runtime/scope.h"

namespace epaulet {

/// Wakes everybody who waits at that moment: many DNS queries may wait for one look upstream. One
/// thread.
class LookSignal {
 public:
  LookSignal() = default;
  LookSignal(const LookSignal&) = delete;
  LookSignal& operator=(const LookSignal&) = delete;

  void wake_all() {
    while (!waiters_.empty()) waiters_.pop_front().wake();
  }

 private:
  class Waiter : public ListNode {
   public:
    virtual void wake() = 0;

   protected:
    ~Waiter() = default;
  };

 public:
  class Wait final : private Waiter, private Cancellable, private ReadyItem {
   public:
    Wait(LookSignal& signal, Scope& scope) : signal_(signal), scope_(scope) {}
    bool await_ready() {
      if (scope_.cancelled()) result_ = *scope_.cancelled();
      return scope_.cancelled().has_value();
    }
    void await_suspend(std::coroutine_handle<> waiter) {
      waiter_ = waiter;
      signal_.waiters_.push_back(*this);
      scope_.add(*this);
    }
    Result<void> await_resume() { return result_; }

   private:
    friend class LookSignal;
    void wake() override {
      Cancellable::unlink();
      scope_.loop().ready(*this);
    }
    void on_cancel(const Error& why) override {
      Waiter::unlink();
      result_ = why;
      scope_.loop().ready(*this);
    }
    void run() override { waiter_.resume(); }

    LookSignal& signal_;
    Scope& scope_;
    std::coroutine_handle<> waiter_;
    Result<void> result_;
  };
  /// Until the next wake_all(), or the scope's error.
  [[nodiscard]] Wait wait(Scope& scope) { return Wait(*this, scope); }

 private:
  IntrusiveList<Waiter> waiters_;
};

}  // namespace epaulet

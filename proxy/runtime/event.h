#pragma once

#include <coroutine>

#include "runtime/scope.h"

namespace epaulet {

/// A flag that one coroutine may wait for. Stays set until reset. One waiter at a time; one thread.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  [[nodiscard]] bool is_set() const { return set_; }
  void set() {
    if (set_) return;
    set_ = true;
    if (waiter_ != nullptr) waiter_->wake();
  }
  void reset() { set_ = false; }

  class Wait final : private Cancellable, private ReadyItem {
   public:
    Wait(Event& event, Scope& scope) : event_(event), scope_(scope) {}
    ~Wait() {
      if (event_.waiter_ == this) event_.waiter_ = nullptr;
    }
    bool await_ready() {
      if (event_.set_) return true;
      if (scope_.cancelled()) result_ = *scope_.cancelled();
      return scope_.cancelled().has_value();
    }
    void await_suspend(std::coroutine_handle<> handle) {
      EPAULET_ASSERT(event_.waiter_ == nullptr);
      handle_ = handle;
      event_.waiter_ = this;
      scope_.add(*this);
    }
    Result<void> await_resume() { return result_; }

   private:
    friend class Event;
    void wake() {
      event_.waiter_ = nullptr;
      Cancellable::unlink();
      event_.loop_.ready(*this);
    }
    void on_cancel(const Error& why) override {
      event_.waiter_ = nullptr;
      result_ = why;
      event_.loop_.ready(*this);
    }
    void run() override { handle_.resume(); }

    Event& event_;
    Scope& scope_;
    std::coroutine_handle<> handle_;
    Result<void> result_;
  };
  /// The scope's error if it is cancelled before the event is set.
  [[nodiscard]] Wait wait(Scope& scope) { return Wait(*this, scope); }

 private:
  Loop& loop_;
  Wait* waiter_ = nullptr;
  bool set_ = false;
};

}  // namespace epaulet

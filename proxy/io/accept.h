#pragma once

#include <coroutine>
#include <utility>

#include "io/listener.h"
#include "runtime/scope.h"

namespace epaulet {

/// `co_await Accept(listener, scope)`: the next connection, or an error of Listener or scope.
class Accept final : public AcceptOp, private Cancellable {
 public:
  Accept(Listener& listener, Scope& scope) : listener_(listener), scope_(scope) {}
  /// The frame that waits may be destroyed: the listener forgets the operation.
  ~Accept() {
    if (pending_) listener_.cancel_accept({ErrorCode::cancelled, Side::self, Stage::accept});
  }

  bool await_ready() {
    if (scope_.cancelled()) {
      result = *scope_.cancelled();
      return true;
    }
    return listener_.start_accept(*this);
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    pending_ = true;
    scope_.add(*this);
  }
  Result<StreamPtr> await_resume() { return std::move(result); }
  void run() override {
    Cancellable::unlink();
    pending_ = false;
    waiter_.resume();
  }

 private:
  void on_cancel(const Error& why) override {
    pending_ = false;  // The listener may be gone when this is destroyed.
    listener_.cancel_accept(why);
  }

  Listener& listener_;
  Scope& scope_;
  std::coroutine_handle<> waiter_;
  bool pending_ = false;
};

}  // namespace epaulet

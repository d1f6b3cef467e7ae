#pragma once

#include <coroutine>
#include <utility>

#include "io/datagram.h"
#include "runtime/scope.h"

namespace epaulet {

/// `co_await Receive(socket, buffer, scope)`: one datagram, its bytes and sender, or the scope's
/// error.
class Receive final : public ReceiveOp, private Cancellable {
 public:
  Receive(DatagramSocket& socket, Bytes buffer, Scope& scope)
      : socket_(socket), buffer_(buffer), scope_(scope) {}
  /// The frame that waits may be destroyed with the loop: the socket forgets the receive.
  ~Receive() {
    if (waiter_) socket_.cancel_receive(Error(ErrorCode::cancelled, Side::self, Stage::none));
  }
  struct Datagram {
    std::size_t bytes;
    SocketAddress from;
  };

  bool await_ready() {
    if (scope_.cancelled()) {
      result = *scope_.cancelled();
      return true;
    }
    return socket_.start_receive(*this);
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    scope_.add(*this);
  }
  Result<Datagram> await_resume() {
    if (!result) return result.error();
    return Datagram{*result, from};
  }

  Bytes prepare() override { return buffer_; }
  void run() override {
    Cancellable::unlink();
    std::exchange(waiter_, {}).resume();
  }

 private:
  void on_cancel(const Error& why) override { socket_.cancel_receive(why); }

  DatagramSocket& socket_;
  Bytes buffer_;
  Scope& scope_;
  std::coroutine_handle<> waiter_;
};

}  // namespace epaulet

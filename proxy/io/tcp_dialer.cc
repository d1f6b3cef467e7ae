#include <sys/socket.h>

#include <cerrno>

#include "io/socket_errors.h"
#include "io/socket_options.h"
#include "io/tcp.h"

namespace epaulet {
namespace {

/// One connection in the making: `co_await Connecting(...)` yields 0 or errno, or the scope's
/// error.
class Connecting final : private Cancellable, private ReadyItem, private Readiness::Owner {
 public:
  Connecting(IoLoop& loop, OwnedFd& socket, Scope& scope)
      : loop_(loop), scope_(scope), readiness_(loop.watch(socket.get(), *this)) {}
  ~Connecting() { readiness_->give_back(); }
  bool await_ready() {
    if (scope_.cancelled()) result_ = *scope_.cancelled();
    return scope_.cancelled().has_value();
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    scope_.add(*this);
    readiness_->await_writable();
  }
  Result<void> await_resume() { return result_; }

  void on_readable() override {}
  void on_writable() override {
    if (!Cancellable::linked()) return;  // Cancelled already.
    Cancellable::unlink();
    int error = 0;
    socklen_t length = sizeof error;
    (void)::getsockopt(readiness_->fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) result_ = connect_error(error);
    loop_.ready(*this);
  }

 private:
  void on_cancel(const Error& why) override {
    result_ = why;
    loop_.ready(*this);
  }
  void run() override { waiter_.resume(); }

  IoLoop& loop_;
  Scope& scope_;
  Readiness* readiness_;
  std::coroutine_handle<> waiter_;
  Result<void> result_;
};

class TcpDialer final : public Dialer {
 public:
  explicit TcpDialer(IoLoop& loop) : loop_(loop) {}

  Task<Result<StreamPtr>> dial(SocketAddress to, Scope& scope) override {
    sockaddr_storage storage;
    const unsigned length = to.to_sockaddr(storage);
    OwnedFd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.valid()) co_return connect_error(errno);
    set_tcp_options(socket.get());
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) {
      if (errno != EINPROGRESS) co_return connect_error(errno);
      const auto connected = co_await Connecting(loop_, socket, scope);
      if (!connected) co_return connected.error();
    }
    co_return make_tcp_stream(loop_, std::move(socket));
  }

 private:
  IoLoop& loop_;
};

}  // namespace

std::unique_ptr<Dialer> make_tcp_dialer(IoLoop& loop) {
  return std::make_unique<TcpDialer>(loop);
}

}  // namespace epaulet

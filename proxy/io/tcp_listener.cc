#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "io/socket_errors.h"
#include "io/socket_options.h"
#include "io/tcp.h"

namespace epaulet {
namespace {

class TcpListener final : public Listener, private Readiness::Owner {
 public:
  TcpListener(IoLoop& loop, int listening_socket)
      : loop_(loop), readiness_(loop.watch(listening_socket, *this)) {
    set_tcp_options(listening_socket);
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    if (::getsockname(listening_socket, address, &length) == 0) {
      if (const auto local = SocketAddress::from_sockaddr(address)) local_ = *local;
    }
  }
  ~TcpListener() override {
    EPAULET_ASSERT(accepting_ == nullptr);
    // ListenerSet closes it: closing an SO_REUSEPORT listener resets its queue.
    readiness_->give_back();
  }

  bool start_accept(AcceptOp& op) override {
    EPAULET_ASSERT(accepting_ == nullptr);
    if (try_accept(op)) return true;
    accepting_ = &op;
    readiness_->await_readable();
    return false;
  }
  void cancel_accept(const Error& why) override {
    if (accepting_ == nullptr) return;
    AcceptOp& op = *std::exchange(accepting_, nullptr);
    op.result = why;
    loop_.ready(op);
  }
  SocketAddress local() const override { return local_; }

  void on_readable() override {
    if (accepting_ == nullptr) return;
    if (!try_accept(*accepting_)) return readiness_->await_readable();
    loop_.ready(*std::exchange(accepting_, nullptr));
  }
  void on_writable() override {}

 private:
  bool try_accept(AcceptOp& op) {
    for (;;) {
      OwnedFd socket(::accept4(readiness_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.valid()) {
        op.result = make_tcp_stream(loop_, std::move(socket));
        return true;
      }
      if (errno == EAGAIN) return false;
      // Gone before it was accepted, or a network error that belongs to that connection
      // (accept(2)).
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == ENETDOWN ||
          errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EPERM) {
        continue;
      }
      op.result = accept_error(errno);
      return true;
    }
  }

  IoLoop& loop_;
  Readiness* readiness_;
  AcceptOp* accepting_ = nullptr;
  SocketAddress local_;
};

}  // namespace

std::unique_ptr<Listener> make_tcp_listener(IoLoop& loop, int listening_socket) {
  return std::make_unique<TcpListener>(loop, listening_socket);
}

Result<OwnedFd> open_listening_socket(const SocketAddress& address, bool v6_only) {
  sockaddr_storage storage;
  const unsigned length = address.to_sockaddr(storage);
  OwnedFd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return accept_error(errno);
  const int on = 1;
  const int only = v6_only ? 1 : 0;
  const bool set = ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                   ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
                   (address.ip.is_v4() ||
                    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) == 0);
  if (!set || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0) {
    return accept_error(errno);
  }
  return socket;
}

}  // namespace epaulet

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "io/socket_errors.h"
#include "io/tcp.h"

namespace epaulet {
namespace {

class UdpSocket final : public DatagramSocket, private Readiness::Owner {
 public:
  UdpSocket(IoLoop& loop, OwnedFd socket)
      : loop_(loop), readiness_(loop.watch(socket.release(), *this)) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    if (::getsockname(readiness_->fd(), address, &length) == 0) {
      if (const auto local = SocketAddress::from_sockaddr(address)) local_ = *local;
    }
  }
  ~UdpSocket() override {
    EPAULET_ASSERT(receiving_ == nullptr);
    readiness_->close();
  }

  bool start_receive(ReceiveOp& op) override {
    EPAULET_ASSERT(receiving_ == nullptr);
    if (try_receive(op)) return true;
    receiving_ = &op;
    readiness_->await_readable();
    return false;
  }
  void cancel_receive(const Error& why) override {
    if (receiving_ == nullptr) return;
    ReceiveOp& op = *std::exchange(receiving_, nullptr);
    op.result = why;
    loop_.ready(op);
  }
  Result<void> send(ConstBytes datagram, const SocketAddress& to) override {
    sockaddr_storage storage;
    const unsigned length = to.to_sockaddr(storage);
    const auto sent =
        ::sendto(readiness_->fd(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&storage), length);
    if (sent < 0) return transfer_error(errno, Stage::send);
    return {};
  }
  SocketAddress local() const override { return local_; }

  void on_readable() override {
    if (receiving_ == nullptr) return;
    if (!try_receive(*receiving_)) return readiness_->await_readable();
    loop_.ready(*std::exchange(receiving_, nullptr));
  }
  void on_writable() override {}

 private:
  bool try_receive(ReceiveOp& op) {
    const Bytes buffer = op.prepare();
    sockaddr_storage storage{};
    for (;;) {
      socklen_t length = sizeof storage;
      const auto got = ::recvfrom(readiness_->fd(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&storage), &length);
      if (got < 0 && errno == EAGAIN) return false;
      // ECONNREFUSED is an ICMP answer to something we sent earlier, not this datagram's failure.
      if (got < 0 && (errno == EINTR || errno == ECONNREFUSED)) continue;
      if (got < 0) {
        op.result = transfer_error(errno, Stage::receive);
        return true;
      }
      const auto from = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
      if (!from) continue;
      op.result = static_cast<std::size_t>(got);
      op.from = *from;
      return true;
    }
  }

  IoLoop& loop_;
  Readiness* readiness_;
  ReceiveOp* receiving_ = nullptr;
  SocketAddress local_;
};

}  // namespace

Result<std::unique_ptr<DatagramSocket>> open_datagram_socket(IoLoop& loop,
                                                             const SocketAddress& address) {
  sockaddr_storage storage;
  const unsigned length = address.to_sockaddr(storage);
  OwnedFd socket(::socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return accept_error(errno);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0)
    return accept_error(errno);
  return std::unique_ptr<DatagramSocket>(std::make_unique<UdpSocket>(loop, std::move(socket)));
}

}  // namespace epaulet

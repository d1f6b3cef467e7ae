#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "io/socket_errors.h"
#include "io/system_calls.h"
#include "io/tcp.h"

namespace epaulet {
namespace {

class TcpStream final : public ByteStream, private Readiness::Owner, private ReadyItem {
 public:
  TcpStream(IoLoop& loop, OwnedFd socket)
      : loop_(loop), readiness_(loop.watch(socket.release(), *this)) {
    read_addresses();
  }
  ~TcpStream() override {
    EPAULET_ASSERT(reading_ == nullptr && writing_ == nullptr);
    readiness_->close();
  }

  bool start_read(ReadOp& op) override {
    EPAULET_ASSERT(reading_ == nullptr);
    // After a short read the socket is known to be empty: asking again would cost a futile call.
    // The wait below reports bytes that have come since.
    if (maybe_readable_ && try_read(op)) return true;
    reading_ = &op;
    readiness_->await_readable();
    return false;
  }

  void cancel_read(const Error& why) override {
    if (reading_ == nullptr) return;
    ReadOp& op = *std::exchange(reading_, nullptr);
    op.result = why;
    loop_.ready(op);
  }

  bool start_write(WriteOp& op) override {
    EPAULET_ASSERT(writing_ == nullptr);
    EPAULET_ASSERT(op.buffers.size() <= WriteOp::kBuffersMax);
    index_ = 0;
    offset_ = 0;
    if (!loop_.gathers_writes() && try_write(op)) return true;
    writing_ = &op;
    if (loop_.gathers_writes()) {
      loop_.write_with_others(*this);
      return false;
    }
    readiness_->await_writable();
    return false;
  }

  void cancel_write(const Error& why) override {
    if (writing_ == nullptr) return;
    WriteOp& op = *std::exchange(writing_, nullptr);
    ReadyItem::unlink();
    op.result = why;
    loop_.ready(op);
  }

  void reset() override {
    const linger now{1, 0};
    (void)::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

  bool has_pending_input() override {
    std::byte peeked;
    const auto got = receive(fd(), &peeked, 1, MSG_PEEK | MSG_DONTWAIT);
    const bool found = got >= 0 || (errno != EAGAIN && errno != EINTR);
    // The reactor may not have told yet: whoever reads now must find it.
    maybe_readable_ = maybe_readable_ || found;
    return found;
  }

  const Info& info() const override { return info_; }
  Loop& loop() const override { return loop_; }
  int raw_socket() const override { return readiness_->fd(); }

  void on_readable() override {
    maybe_readable_ = true;
    if (reading_ == nullptr) return;
    if (!try_read(*reading_)) return readiness_->await_readable();
    loop_.ready(*std::exchange(reading_, nullptr));
  }

  void on_writable() override {
    if (writing_ == nullptr) return;
    ReadyItem::unlink();
    if (!try_write(*writing_)) return readiness_->await_writable();
    loop_.ready(*std::exchange(writing_, nullptr));
  }

 private:
  /// Its turn to write has come.
  void run() override { on_writable(); }

  [[nodiscard]] int fd() const { return readiness_->fd(); }

  void read_addresses() {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    if (::getsockname(fd(), address, &length) == 0) {
      if (const auto local = SocketAddress::from_sockaddr(address)) info_.local = *local;
    }
    length = sizeof storage;
    if (::getpeername(fd(), address, &length) == 0) {
      if (const auto peer = SocketAddress::from_sockaddr(address)) info_.peer = *peer;
    }
  }

  /// False: the socket has nothing (EAGAIN).
  bool try_read(ReadOp& op) {
    const Bytes buffer = op.prepare();
    ssize_t got;
    do {
      got = receive(fd(), buffer.data(), buffer.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) {
      maybe_readable_ = false;
      op.unprepare();
      return false;
    }
    if (got < 0) {
      op.result = transfer_error(errno, Stage::receive);
    } else {
      op.result = static_cast<std::size_t>(got);
      maybe_readable_ =
          got == 0 || static_cast<std::size_t>(got) == buffer.size() || readiness_->may_have_more();
    }
    return true;
  }

  /// False: the socket is full.
  bool try_write(WriteOp& op) {
    while (index_ < op.buffers.size()) {
      std::array<iovec, WriteOp::kBuffersMax> pieces;
      const std::size_t count = gather(op, pieces);
      if (count == 0) break;
      const auto sent = send({pieces.data(), count});
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return false;
      if (sent < 0) {
        op.result = transfer_error(errno, Stage::send);
        return true;
      }
      advance(op, static_cast<std::size_t>(sent));
    }
    op.result = Result<void>();
    if (op.end && ::shutdown(fd(), SHUT_WR) != 0) op.result = transfer_error(errno, Stage::send);
    return true;
  }

  /// One piece, as of TLS, goes by the cheaper call.
  ssize_t send(std::span<iovec> pieces) const {
    if (pieces.size() == 1)
      return epaulet::send(fd(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    return epaulet::send(fd(), message, MSG_NOSIGNAL);
  }

  std::size_t gather(const WriteOp& op, std::array<iovec, WriteOp::kBuffersMax>& pieces) const {
    std::size_t count = 0;
    for (std::size_t i = index_; i < op.buffers.size(); ++i) {
      const auto bytes = op.buffers[i].subspan(i == index_ ? offset_ : 0);
      if (bytes.empty()) continue;
      pieces[count++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
    }
    return count;
  }

  void advance(const WriteOp& op, std::size_t sent) {
    while (index_ < op.buffers.size()) {
      const std::size_t left = op.buffers[index_].size() - offset_;
      if (sent < left) {
        offset_ += sent;
        return;
      }
      sent -= left;
      ++index_;
      offset_ = 0;
    }
  }

  IoLoop& loop_;
  Readiness* readiness_;
  Info info_;
  ReadOp* reading_ = nullptr;
  WriteOp* writing_ = nullptr;
  std::size_t index_ = 0;   // Of the pending write: first buffer not written whole,
  std::size_t offset_ = 0;  // and how much of it is.
  bool maybe_readable_ = true;
};

}  // namespace

StreamPtr make_tcp_stream(IoLoop& loop, OwnedFd socket) {
  return std::make_unique<TcpStream>(loop, std::move(socket));
}

}  // namespace epaulet

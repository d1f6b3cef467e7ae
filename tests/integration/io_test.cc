#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <optional>

#include "io/accept.h"
#include "io/tcp.h"

// Sockets on the loopback.
namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

/// Two ends of a connection, through our own listener and dialer.
class TcpTest : public testing::Test {
 protected:
  TcpTest() {
    auto socket = open_listening_socket({IpAddress::v4(0x7f000001), 0});
    EXPECT_TRUE(socket.has_value());
    socket_ = std::move(*socket);
    listener_ = make_tcp_listener(loop_, socket_.get());
    dialer_ = make_tcp_dialer(loop_);
    loop_.spawn(accept(*this));
    loop_.spawn(dial(*this));
    loop_.run();
  }
  static Task<void> accept(TcpTest& test) {
    auto stream = co_await Accept(*test.listener_, test.scope_);
    if (stream) test.accepted_ = std::move(*stream);
    test.one_is_there();
  }
  static Task<void> dial(TcpTest& test) {
    auto stream = co_await test.dialer_->dial(test.listener_->local(), test.scope_);
    if (stream) test.dialled_ = std::move(*stream);
    test.one_is_there();
  }
  void one_is_there() {
    if (++ends_ == 2) loop_.stop();
  }
  static int option(const ByteStream& stream, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(stream.raw_socket(), level, name, &value, &length), 0);
    return value;
  }

  AsioLoop loop_;
  Scope scope_{loop_};
  OwnedFd socket_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Dialer> dialer_;
  StreamPtr accepted_;
  StreamPtr dialled_;
  int ends_ = 0;
};

TEST_F(TcpTest, both_ends_notice_a_dead_peer_in_two_minutes_and_let_an_idle_one_live) {
  ASSERT_TRUE(accepted_ && dialled_);
  for (const auto* stream : {accepted_.get(), dialled_.get()}) {
    EXPECT_EQ(option(*stream, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(*stream, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    EXPECT_EQ(option(*stream, IPPROTO_TCP, TCP_KEEPINTVL), 10);
    EXPECT_EQ(option(*stream, IPPROTO_TCP, TCP_KEEPCNT), 6);
    EXPECT_EQ(option(*stream, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    EXPECT_EQ(option(*stream, IPPROTO_TCP, TCP_NODELAY), 1);
  }
}

class Read final : public ReadOp {
 public:
  Bytes prepare() override { return buffer_; }
  void run() override { ++ran; }
  int ran = 0;

 private:
  std::array<std::byte, 64> buffer_{};
};

class Write final : public WriteOp {
 public:
  explicit Write(std::string_view text) : bytes_(as_bytes(text)) { buffers = {&bytes_, 1}; }
  void run() override {}

 private:
  ConstBytes bytes_;
};

TEST_F(TcpTest, what_a_look_found_is_there_to_be_read_at_once) {
  ASSERT_TRUE(accepted_ && dialled_);
  Write first("first");
  Read read;
  ASSERT_TRUE(accepted_->start_write(first));
  pollfd arrival{dialled_->raw_socket(), POLLIN, 0};
  ASSERT_EQ(::poll(&arrival, 1, 5000), 1);
  ASSERT_TRUE(dialled_->start_read(read)) << "a new connection is tried at once";
  EXPECT_EQ(*read.result, 5u);  // Less than there is room for: now the socket is empty.
  EXPECT_FALSE(dialled_->has_pending_input());

  Write second("second");
  ASSERT_TRUE(accepted_->start_write(second));
  ASSERT_EQ(::poll(&arrival, 1, 5000), 1);
  EXPECT_TRUE(dialled_->has_pending_input());
  Read again;
  ASSERT_TRUE(dialled_->start_read(again)) << "without a turn of the reactor";
  EXPECT_EQ(*again.result, 6u);
}

}  // namespace
}  // namespace epaulet::test

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <optional>

#include "io/accept.h"
#include "io/tcp.h"
#include "runtime/asio_loop.h"
#include "tests/unit/tls/mesh_fixture.h"
#include "tls/stream.h"

// Mesh TLS above sockets on the loopback: what the kernel holds is not yet what the reactor knows.
namespace epaulet {
namespace {

class TlsOverTcpTest : public testing::Test {
 protected:
  TlsOverTcpTest() {
    auto socket = open_listening_socket({IpAddress::v4(0x7f000001), 0});
    EXPECT_TRUE(socket.has_value());
    socket_ = std::move(*socket);
    listener_ = make_tcp_listener(loop_, socket_.get());
    dialer_ = make_tcp_dialer(loop_);
    loop_.spawn(serve(*this));
    loop_.spawn(dial(*this));
    loop_.run();
  }
  static Task<void> serve(TlsOverTcpTest& test) {
    auto stream = co_await Accept(*test.listener_, test.scope_);
    test.server_ = TlsStream::server(std::move(*stream), test.api2_);
    const auto shaken = co_await test.server_->handshake(test.scope_);
    EXPECT_TRUE(shaken.has_value()) << test.server_->report().diagnosis;
    test.one_is_there();
  }
  static Task<void> dial(TlsOverTcpTest& test) {
    auto stream = co_await test.dialer_->dial(test.listener_->local(), test.scope_);
    test.client_socket_ = (*stream)->raw_socket();
    TlsClientOptions options;
    options.server_name = "api2.default";
    options.protocol = detect::MeshProtocol::http1;
    options.expected = test.expected_;
    test.client_ = TlsStream::client(std::move(*stream), test.api_, options);
    const auto shaken = co_await test.client_->handshake(test.scope_);
    EXPECT_TRUE(shaken.has_value()) << test.client_->report().diagnosis;
    test.one_is_there();
  }
  void one_is_there() {
    if (++ends_ == 2) loop_.stop();
  }
  /// The kernel has something for the client.
  [[nodiscard]] bool arrives() const {
    pollfd arrival{client_socket_, POLLIN, 0};
    return ::poll(&arrival, 1, 5000) == 1;
  }

  AsioLoop loop_;
  Scope scope_{loop_};
  const WallTime now_ = AsioLoop::read_wall_clock();
  CertificateAuthority ca_ = CertificateAuthority::create(kDomain, KeyType::p256, now_);
  std::shared_ptr<const TlsContext> api_ =
      context_of(identity_of(issue_text(ca_, kApi, now_), now_));
  std::shared_ptr<const TlsContext> api2_ =
      context_of(identity_of(issue_text(ca_, kApi2, now_), now_));
  std::vector<std::string> expected_{kApi2};
  OwnedFd socket_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Dialer> dialer_;
  int client_socket_ = -1;
  std::unique_ptr<TlsStream> client_;
  std::unique_ptr<TlsStream> server_;
  int ends_ = 0;
};

class Read final : public ReadOp {
 public:
  explicit Read(AsioLoop& loop) : loop_(loop) {}
  Bytes prepare() override { return buffer_; }
  void run() override {
    ++ran;
    loop_.stop();
  }
  [[nodiscard]] std::string_view text() const {
    return as_text(ConstBytes(buffer_).first(*result));
  }
  int ran = 0;

 private:
  AsioLoop& loop_;
  std::array<std::byte, 1024> buffer_{};
};

class Write final : public WriteOp {
 public:
  explicit Write(std::string_view text) : bytes_(as_bytes(text)) { buffers = {&bytes_, 1}; }
  void run() override {}

 private:
  ConstBytes bytes_;
};

TEST_F(TlsOverTcpTest, a_ticket_that_waits_in_the_socket_is_no_pending_input) {
  ASSERT_TRUE(arrives()) << "the server's ticket";
  EXPECT_FALSE(client_->has_pending_input());
  EXPECT_FALSE(client_->has_pending_input());
  server_.reset();
  ASSERT_TRUE(arrives());
  EXPECT_TRUE(client_->has_pending_input());
}

TEST_F(TlsOverTcpTest, nor_below_a_read_that_waits_as_in_the_pool) {
  ASSERT_TRUE(arrives());
  Read read(loop_);
  ASSERT_FALSE(client_->start_read(read));
  EXPECT_FALSE(client_->has_pending_input());
  Write write("answer");
  ASSERT_TRUE(server_->start_write(write));
  ASSERT_TRUE(arrives());
  EXPECT_TRUE(client_->has_pending_input()) << "although the reactor has not told";
  loop_.run();
  EXPECT_EQ(read.ran, 1);
  EXPECT_EQ(read.text(), "answer");
}

TEST_F(TlsOverTcpTest, an_end_below_a_read_that_waits_is_found_before_the_reactor_tells) {
  Read read(loop_);
  ASSERT_TRUE(arrives());
  ASSERT_FALSE(client_->start_read(read));
  EXPECT_FALSE(client_->has_pending_input());
  server_.reset();
  ASSERT_TRUE(arrives());
  EXPECT_TRUE(client_->has_pending_input());
  loop_.run();
  EXPECT_EQ(read.ran, 1);
}

}  // namespace
}  // namespace epaulet

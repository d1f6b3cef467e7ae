#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "io/accept.h"
#include "io/tcp.h"
#include "runtime/asio_loop.h"
#include "runtime/epoll_loop.h"

// Sockets on the loopback.
namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

/// Two ends of a connection, through our own listener and dialer.
template <class RealLoop>
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

  /// What has begun has had its turn, and the reactor was asked for news.
  void turn() {
    loop_.post([this] { loop_.post([this] { loop_.stop(); }); });
    loop_.run();
  }
  /// Until `ended` says so; what never comes is a failure, not a hang.
  template <class Ended>
  void run_until(Ended ended) {
    const auto begin = IoLoop::read_clock();
    while (!ended() && IoLoop::read_clock() - begin < 10s) turn();
    EXPECT_TRUE(ended());
  }

  RealLoop loop_;
  Scope scope_{loop_};
  OwnedFd socket_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Dialer> dialer_;
  StreamPtr accepted_;
  StreamPtr dialled_;
  int ends_ = 0;
};
using Loops = testing::Types<AsioLoop, EpollLoop>;
TYPED_TEST_SUITE(TcpTest, Loops);

TYPED_TEST(TcpTest, both_ends_notice_a_dead_peer_in_two_minutes_and_let_an_idle_one_live) {
  ASSERT_TRUE(this->accepted_ && this->dialled_);
  for (const auto* stream : {this->accepted_.get(), this->dialled_.get()}) {
    EXPECT_EQ(this->option(*stream, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(this->option(*stream, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    EXPECT_EQ(this->option(*stream, IPPROTO_TCP, TCP_KEEPINTVL), 10);
    EXPECT_EQ(this->option(*stream, IPPROTO_TCP, TCP_KEEPCNT), 6);
    EXPECT_EQ(this->option(*stream, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    EXPECT_EQ(this->option(*stream, IPPROTO_TCP, TCP_NODELAY), 1);
  }
}

class Read final : public ReadOp {
 public:
  Bytes prepare() override { return buffer_; }
  void run() override { ++ran; }
  int ran = 0;

 private:
  std::array<std::byte, 4096> buffer_{};
};

class Write final : public WriteOp {
 public:
  explicit Write(std::string_view text) : bytes_(as_bytes(text)) { buffers = {&bytes_, 1}; }
  void run() override { ++ran; }
  int ran = 0;

 private:
  ConstBytes bytes_;
};

TYPED_TEST(TcpTest, what_a_look_found_is_there_to_be_read_at_once) {
  ASSERT_TRUE(this->accepted_ && this->dialled_);
  Write first("first");
  Read read;
  ASSERT_TRUE(this->accepted_->start_write(first));
  pollfd arrival{this->dialled_->raw_socket(), POLLIN, 0};
  ASSERT_EQ(::poll(&arrival, 1, 5000), 1);
  ASSERT_TRUE(this->dialled_->start_read(read)) << "a new connection is tried at once";
  EXPECT_EQ(*read.result, 5u);  // Less than there is room for: now the socket is empty.
  EXPECT_FALSE(this->dialled_->has_pending_input());

  Write second("second");
  ASSERT_TRUE(this->accepted_->start_write(second));
  ASSERT_EQ(::poll(&arrival, 1, 5000), 1);
  EXPECT_TRUE(this->dialled_->has_pending_input());
  Read again;
  ASSERT_TRUE(this->dialled_->start_read(again)) << "without a turn of the reactor";
  EXPECT_EQ(*again.result, 6u);
}

TYPED_TEST(TcpTest, an_end_that_came_with_the_last_bytes_is_read_behind_them) {
  ASSERT_TRUE(this->accepted_ && this->dialled_);
  Read waiting;
  (void)this->dialled_->start_read(waiting);
  this->turn();
  EXPECT_EQ(waiting.ran, 0);
  Write last("last");
  last.end = true;
  ASSERT_TRUE(this->accepted_->start_write(last));  // Both are there before the reactor is asked.
  this->run_until([&] { return waiting.ran == 1; });
  EXPECT_EQ(*waiting.result, 4u);
  Read end;
  if (!this->dialled_->start_read(end)) this->run_until([&] { return end.ran == 1; });
  EXPECT_EQ(*end.result, 0u);
}

TYPED_TEST(TcpTest, bytes_behind_urgent_ones_are_read) {
  ASSERT_TRUE(this->accepted_ && this->dialled_);
  Read first;
  (void)this->dialled_->start_read(first);
  this->turn();
  const int socket = this->accepted_->raw_socket();
  ASSERT_EQ(::send(socket, "abc", 3, 0), 3);
  ASSERT_EQ(::send(socket, "!", 1, MSG_OOB), 1);  // A read stops before it, however much follows.
  ASSERT_EQ(::send(socket, "def", 3, 0), 3);
  this->run_until([&] { return first.ran == 1; });
  std::size_t bytes = *first.result;
  for (int reads = 0; bytes < 6 && reads < 5; ++reads) {
    Read next;
    if (!this->dialled_->start_read(next)) {
      this->run_until([&] { return next.ran == 1; });
      if (next.ran == 0)
        this->dialled_->cancel_read({ErrorCode::cancelled, Side::self, Stage::none});
    }
    this->turn();
    bytes += next.result ? *next.result : 0;
  }
  EXPECT_EQ(bytes, 6u);
}

TYPED_TEST(TcpTest, a_write_that_is_too_much_at_once_is_ended_when_there_is_room) {
  ASSERT_TRUE(this->accepted_ && this->dialled_);
  const std::string much(std::size_t{16} << 20, 'm');
  Write write(much);
  ASSERT_FALSE(this->accepted_->start_write(write));
  std::size_t got = 0;
  while (got < much.size()) {
    Read read;
    if (!this->dialled_->start_read(read)) this->run_until([&] { return read.ran == 1; });
    ASSERT_TRUE(read.result && *read.result > 0);
    got += *read.result;
  }
  this->run_until([&] { return write.ran == 1; });
}

/// Closes a stream when it is told of something.
class Closing final : public ReadOp {
 public:
  explicit Closing(StreamPtr& stream) : stream_(stream) {}
  Bytes prepare() override { return buffer_; }
  void run() override {
    ++ran;
    stream_.reset();
  }
  int ran = 0;

 private:
  StreamPtr& stream_;
  std::array<std::byte, 64> buffer_{};
};

TYPED_TEST(TcpTest, a_stream_may_go_while_news_of_it_were_fetched_already) {
  ASSERT_TRUE(this->accepted_ && this->dialled_);
  // News come in the order of the arrivals: the stream that goes is the second.
  Closing read(this->accepted_);
  (void)this->dialled_->start_read(read);
  this->turn();
  for (auto* to : {this->dialled_.get(), this->accepted_.get()}) {
    auto& from = to == this->dialled_.get() ? this->accepted_ : this->dialled_;
    ASSERT_EQ(::send(from->raw_socket(), "x", 1, 0), 1);
    pollfd arrival{to->raw_socket(), POLLIN, 0};
    ASSERT_EQ(::poll(&arrival, 1, 5000), 1);
  }
  this->run_until([&] { return read.ran == 1; });
  EXPECT_FALSE(this->accepted_);
  this->turn();
}

/// A piece of news that is nothing in itself.
class Bell final : public Readiness::Owner {
 public:
  explicit Bell(IoLoop& loop) : readiness_(loop.watch(::eventfd(0, EFD_NONBLOCK), *this)) {}
  ~Bell() { readiness_->close(); }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  void ring() { ASSERT_EQ(::eventfd_write(readiness_->fd(), 1), 0); }
  void on_readable() override {
    if (told) told();
  }
  void on_writable() override {}
  std::function<void()> told;

 private:
  Readiness* readiness_;
};

/// A turn that brings much news, a job behind most of it.
class GatheredWrites : public TcpTest<EpollLoop> {
 protected:
  GatheredWrites() {
    for (int i = 0; i < 10; ++i) bells_.push_back(std::make_unique<Bell>(loop_));
    turn();
  }
  template <class Job>
  void turn_with(Job job) {
    ASSERT_TRUE(accepted_ && dialled_);
    for (std::size_t i = 0; i < 8; ++i) bells_[i]->ring();
    loop_.post([this, job] {
      EXPECT_TRUE(loop_.gathers_writes());
      job();
    });
    for (std::size_t i = 8; i < 10; ++i) bells_[i]->ring();
    turn();
  }
  [[nodiscard]] ssize_t arrived() const {
    std::array<char, 16384> bytes;
    return ::recv(accepted_->raw_socket(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  }

  std::vector<std::unique_ptr<Bell>> bells_;
};

TEST_F(GatheredWrites, go_when_all_news_are_worked_through) {
  const std::string_view text = "hello";
  Write write(text);
  turn_with([&] {
    EXPECT_FALSE(dialled_->start_write(write));
    EXPECT_EQ(arrived(), -1);
  });
  EXPECT_EQ(write.ran, 1);
  EXPECT_TRUE(write.result);
  EXPECT_EQ(arrived(), 5);
}

TEST_F(GatheredWrites, wait_for_one_piece_of_news_that_takes_long_and_no_more) {
  Write write("hello");
  bells_[8]->told = [&] {
    EXPECT_EQ(arrived(), -1);
    const auto begin = IoLoop::read_clock();
    while (IoLoop::read_clock() - begin < 200us) {
    }
  };
  bells_[9]->told = [&] {
    EXPECT_TRUE(loop_.gathers_writes());
    EXPECT_EQ(arrived(), 5);
    EXPECT_EQ(write.ran, 1);
  };
  turn_with([&] { EXPECT_FALSE(dialled_->start_write(write)); });
  EXPECT_EQ(write.ran, 1);
}

TEST_F(GatheredWrites, are_given_up_like_any_other) {
  Write write("hello");
  turn_with([&] {
    EXPECT_FALSE(dialled_->start_write(write));
    dialled_->cancel_write({ErrorCode::cancelled, Side::self, Stage::send});
  });
  EXPECT_EQ(write.ran, 1);
  EXPECT_FALSE(write.result);
  EXPECT_EQ(arrived(), -1);
}

TEST_F(GatheredWrites, of_which_the_peer_takes_a_part_go_on_when_there_is_room) {
  const std::string much(std::size_t{16} << 20, 'm');
  Write write(much);
  turn_with([&] { EXPECT_FALSE(dialled_->start_write(write)); });
  EXPECT_EQ(write.ran, 0);
  std::size_t got = 0;
  run_until([&] {
    while (const auto more = arrived()) {
      if (more < 0) break;
      got += static_cast<std::size_t>(more);
    }
    return got == much.size() && write.ran == 1;
  });
}

TEST_F(GatheredWrites, of_a_turn_with_little_news_go_at_once) {
  Write write("hello");
  loop_.post([&] {
    EXPECT_FALSE(loop_.gathers_writes());
    EXPECT_TRUE(dialled_->start_write(write));
    EXPECT_EQ(arrived(), 5);
  });
  turn();
}

}  // namespace
}  // namespace epaulet::test

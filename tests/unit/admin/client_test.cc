#include "admin/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "io/tcp.h"

namespace epaulet::admin {
namespace {

using std::chrono::milliseconds;

TEST(AdminAnswer, is_read_by_its_length) {
  const auto answer = parse_admin_answer("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "abc");
}

TEST(AdminAnswer, may_be_empty) {
  const auto answer = parse_admin_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "");
}

TEST(AdminAnswer, is_refused_if_it_is_cut_or_not_ours) {
  const auto code = [](std::string_view bytes) {
    const auto answer = parse_admin_answer(bytes);
    return answer ? ErrorCode::none : answer.error().code;
  };
  EXPECT_EQ(code(""), ErrorCode::response_truncated);
  EXPECT_EQ(code("HTTP/1.1 200 OK\r\nContent-Le"), ErrorCode::response_truncated);
  EXPECT_EQ(code("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc"), ErrorCode::response_truncated);
  EXPECT_EQ(code("SSH-2.0-OpenSSH\r\n\r\n"), ErrorCode::response_malformed);
  EXPECT_EQ(code("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ErrorCode::response_malformed);
}

TEST(PercentEncoded, leaves_only_what_needs_no_thought) {
  EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encoded("a b&c=%\n\xFF/?#"), "a%20b%26c%3D%25%0A%FF%2F%3F%23");
}

/// Both ends of a connection that leaves no machine, and no network either.
struct SocketPair {
  SocketPair() {
    std::array<int, 2> sockets{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
    client = OwnedFd(sockets[0]);
    server = OwnedFd(sockets[1]);
  }
  OwnedFd client;
  OwnedFd server;
};

TEST(AdminGet, asks_and_takes_the_answer) {
  SocketPair pair;
  std::string asked(200, '\0');
  std::thread server([&] {
    asked.resize(static_cast<std::size_t>(::read(pair.server.get(), asked.data(), asked.size())));
    constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    EXPECT_EQ(::write(pair.server.get(), kAnswer.data(), kAnswer.size()),
              static_cast<ssize_t>(kAnswer.size()));
    pair.server = OwnedFd();
  });
  const auto answer =
      admin_get_on(pair.client.get(), "127.0.0.1:15000", "/explain?id=x", milliseconds(5000));
  server.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "{}");
  EXPECT_EQ(asked,
            "GET /explain?id=x HTTP/1.1\r\nHost: 127.0.0.1:15000\r\nConnection: close\r\n\r\n");
}

TEST(AdminGet, gives_up_on_a_server_that_says_nothing) {
  SocketPair pair;
  const auto answer = admin_get_on(pair.client.get(), "localhost", "/explain", milliseconds(20));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::attempt_timeout);
}

TEST(AdminGet, says_so_when_the_server_hangs_up) {
  SocketPair pair;
  ASSERT_EQ(::shutdown(pair.server.get(), SHUT_WR), 0);
  const auto answer = admin_get_on(pair.client.get(), "localhost", "/explain", milliseconds(5000));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::response_truncated);
}

}  // namespace
}  // namespace epaulet::admin

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <optional>
#include <thread>

#include "admin/client.h"
#include "admin/server.h"
#include "admin/surfaces.h"
#include "io/tcp.h"
#include "runtime/asio_loop.h"

namespace epaulet::admin {
namespace {

/// The admin surface behind a real socket, its loop on a thread of its own, as in the process.
class RunningAdmin {
 public:
  RunningAdmin() : socket_(*open_listening_socket(*SocketAddress::parse("127.0.0.1:0"))) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&storage), &length), 0);
    address_ = *SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
    thread_ = std::thread([this] { run(); });
    loop_ = started_.get_future().get();
  }
  ~RunningAdmin() {
    loop_->stop();
    thread_.join();
  }
  [[nodiscard]] const SocketAddress& address() const { return address_; }

 private:
  void run() {
    AdminSources sources;
    sources.config = sources.services = sources.endpoints = sources.certs =
        sources.issuers = [] { return "{}"; };
    sources.explain = [] { return std::string(3'000'000, ' ') + "{}"; };
    sources.explain_one = [](std::string_view id) -> std::optional<std::string> {
      if (id == "a b") return "{\"records\":[]}";
      return std::nullopt;
    };
    sources.readiness = [] { return Readiness{true, {}}; };
    AsioLoop loop;  // Frames are pooled by thread: they end where they began.
    const auto listener = make_tcp_listener(loop, socket_.get());
    AdminServer server(loop, admin_surface(std::move(sources)));
    server.listen(*listener);
    started_.set_value(&loop);
    loop.run();
  }

  OwnedFd socket_;
  SocketAddress address_;
  std::promise<AsioLoop*> started_;
  AsioLoop* loop_ = nullptr;
  std::thread thread_;
};

TEST(Admin, is_asked_by_the_command_line) {
  const RunningAdmin admin;
  const auto ready = admin_get(admin.address(), "/ready");
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->status, 200);
  EXPECT_EQ(ready->body, "{\"ready\":true}\n");

  const auto one = admin_get(admin.address(), "/explain?id=" + percent_encoded("a b"));
  ASSERT_TRUE(one);
  EXPECT_EQ(one->body, "{\"records\":[]}");
  EXPECT_EQ(admin_get(admin.address(), "/explain?id=other")->status, 404);
}

TEST(Admin, sends_pages_larger_than_any_socket_buffer) {
  const RunningAdmin admin;
  const auto all = admin_get(admin.address(), "/explain");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->body.size(), 3'000'002u);
}

TEST(Admin, says_that_nobody_listens) {
  SocketAddress address;
  {
    const RunningAdmin gone;
    address = gone.address();
  }
  const auto answer = admin_get(address, "/explain");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::connect_refused);
}

}  // namespace
}  // namespace epaulet::admin

#include "admin/server.h"

#include <gtest/gtest.h>

#include "admin_world.h"
#include "base/limits.h"

namespace epaulet::admin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct AdminServerTest : AdminWorld {
  AdminServerTest() {
    Surface surface(Audience::anybody);
    surface.add("/page", [](const Request&) { return Response{200, kTextType, "a page\n"}; });
    surface.add("/empty", [](const Request&) { return Response{200, kTextType, ""}; });
    surface.add("/large", [](const Request&) {
      return Response{200, kTextType, std::string(300'000, 'x')};
    });
    serve(std::move(surface));
  }
  static constexpr std::string_view kGet = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
};

TEST_F(AdminServerTest, answers_with_a_page) {
  EXPECT_EQ(get("/page"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\na page\n");
}

TEST_F(AdminServerTest, keeps_the_connection_and_takes_pipelined_requests) {
  const auto client = connect();
  client->write(std::string(kGet));
  EXPECT_EQ(body(client->take()), "a page\n");
  client->write(std::string(kGet) + std::string(kGet));
  const auto two = client->take();
  EXPECT_NE(two.find("HTTP/1.1 200 OK", 10), std::string::npos);
  EXPECT_FALSE(client->closed());
}

TEST_F(AdminServerTest, closes_when_asked_and_for_http_1_0) {
  const auto client = connect();
  client->write("GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_NE(client->take().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client->closed());
  const auto old = connect();
  old->write("GET /page HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body(old->take()), "a page\n");
  EXPECT_TRUE(old->closed());
}

TEST_F(AdminServerTest, sends_no_body_to_head_but_its_length) {
  const auto answer = ask("HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_EQ(body(answer), "");
}

TEST_F(AdminServerTest, sends_empty_and_large_pages) {
  EXPECT_NE(get("/empty").find("Content-Length: 0\r\n"), std::string::npos);
  EXPECT_EQ(body(get("/large")), std::string(300'000, 'x'));
}

TEST_F(AdminServerTest, names_the_methods_that_it_takes) {
  const auto answer = ask("POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(status_line(answer), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_NE(answer.find("Allow: GET, HEAD\r\n"), std::string::npos);
}

TEST_F(AdminServerTest, counts_and_tells_what_it_refuses) {
  std::vector<int> heard;
  server->set_on_denied([&heard](std::uint16_t status) { heard.push_back(status); });
  (void)get("/page");
  EXPECT_EQ(server->denied(), 0u);
  (void)get("/nothing");
  (void)ask("POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  (void)ask("GET /page HTTP/1.1\r\nHost : x\r\n\r\n");
  EXPECT_EQ(heard, (std::vector<int>{404, 405, 400}));
  EXPECT_EQ(server->denied(), 3u);
}

TEST_F(AdminServerTest, closes_after_a_request_with_a_body_that_nobody_reads) {
  const auto client = connect();
  client->write("GET /page HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
  EXPECT_EQ(status_line(client->take()), "HTTP/1.1 200 OK");
  EXPECT_TRUE(client->closed());
  EXPECT_FALSE(client->was_reset()) << "the answer must survive";
}

TEST_F(AdminServerTest, says_what_is_wrong_with_a_head_and_closes) {
  for (const char* bad : {"GET /page HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n",
                          "GET /page HTTP/1.1\r\nHost: x\r\nBad Field: y\r\n\r\n"}) {
    const auto client = connect();
    client->write(bad);
    EXPECT_EQ(status_line(client->take()), "HTTP/1.1 400 Bad Request") << bad;
    EXPECT_TRUE(client->closed());
  }
  const auto client = connect();
  client->write("GET /page HTTP/1.1\r\nHost: x\r\nA: " +
                std::string(limits::kAdminHeadBytesMax, 'a') + "\r\n\r\n");
  EXPECT_EQ(status_line(client->take()), "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_F(AdminServerTest, ends_connections_that_lie_idle) {
  const auto client = connect();
  client->write(std::string(kGet));
  loop.advance(limits::kAdminIdle - milliseconds(1));
  EXPECT_FALSE(client->closed());
  loop.advance(milliseconds(1));
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(AdminServerTest, gives_a_head_so_much_time_and_no_more) {
  const auto client = connect();
  client->write("GET /page HTTP/1.1\r\n");
  loop.advance(limits::kAdminHeadTime - milliseconds(1));
  EXPECT_EQ(client->take(), "");
  loop.advance(milliseconds(1));
  EXPECT_EQ(status_line(client->take()), "HTTP/1.1 408 Request Timeout");
  loop.advance(seconds(2));
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(AdminServerTest, does_not_wait_for_ever_for_a_client_that_reads_nothing) {
  network.conditions.capacity = 1000;
  auto raw = network.dialer(loop, *IpAddress::parse("10.0.0.8"));
  Scope scope(loop);
  StreamPtr stream;
  const auto dial = [](Dialer& from, SocketAddress to, Scope& within,
                       StreamPtr& out) -> Task<void> {
    auto dialled = co_await from.dial(to, within);
    out = std::move(*dialled);
    const std::string text = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    const std::array<ConstBytes, 1> bytes{as_bytes(text)};
    (void)co_await write_all(*out, bytes, within);
  };
  loop.spawn(dial(*raw, address, scope, stream));
  loop.run_until_quiet();
  EXPECT_EQ(server->connections(), 1u);
  loop.advance(limits::kAdminSendTime - milliseconds(1));
  EXPECT_EQ(server->connections(), 1u);
  loop.advance(milliseconds(1));
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(AdminServerTest, lets_a_newcomer_in_when_all_places_are_taken_by_silent_clients) {
  std::vector<std::unique_ptr<RawClient>> silent;
  for (std::size_t i = 0; i < limits::kAdminConnectionsMax; ++i) silent.push_back(connect());
  silent[0]->write(std::string(kGet));  // It has waited for the shortest time now.
  EXPECT_EQ(server->connections(), limits::kAdminConnectionsMax);
  EXPECT_EQ(server->refused(), 0u);
  unsigned told = 0;
  server->set_on_refused([&told] { ++told; });
  EXPECT_EQ(body(get("/page")), "a page\n");
  EXPECT_EQ(server->refused(), 1u);
  EXPECT_EQ(told, 1u);
  EXPECT_EQ(server->connections(), limits::kAdminConnectionsMax - 1) << "and left again";
  EXPECT_FALSE(silent[0]->closed());
  EXPECT_TRUE(silent[1]->closed()) << "who has waited longest makes room";
  EXPECT_FALSE(silent[2]->closed());
}

TEST_F(AdminServerTest, holds_no_more_connections_than_it_may) {
  std::vector<std::unique_ptr<RawClient>> many;
  for (std::size_t i = 0; i < 3 * limits::kAdminConnectionsMax; ++i) {
    many.push_back(connect());
    EXPECT_LE(server->connections(), limits::kAdminConnectionsMax);
  }
}

TEST_F(AdminServerTest, forgets_clients_that_leave) {
  {
    const auto client = connect();
    client->write("GET /pa");
    EXPECT_EQ(server->connections(), 1u);
    client->leave();
    loop.run_until_quiet();
  }
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(AdminServerTest, works_when_bytes_come_one_by_one) {
  network.conditions.read_max = 1;
  network.conditions.delay_max = milliseconds(1);
  auto client = connect();
  loop.advance(seconds(1));
  client->write(std::string(kGet));
  loop.advance(seconds(2));
  EXPECT_EQ(body(client->take()), "a page\n");
}

TEST_F(AdminServerTest, ends_everything_when_it_is_destroyed) {
  const auto idle = connect();
  const auto reading = connect();
  reading->write("GET /pa");
  server.reset();
  listener.reset();
  loop.run_until_quiet();
  EXPECT_TRUE(idle->closed());
  EXPECT_TRUE(reading->closed());
  EXPECT_EQ(loop.spawned_tasks(), 0u);
  EXPECT_EQ(Block::in_use(), 0u);
}

TEST_F(AdminServerTest, serves_several_listeners) {
  const auto second = network.listen(loop, at("[::1]:15000"));
  server->listen(*second);
  RawClient client(loop, *dialer, at("[::1]:15000"));
  client.write(std::string(kGet));
  EXPECT_EQ(body(client.take()), "a page\n");
  server.reset();
  loop.run_until_quiet();
}

}  // namespace
}  // namespace epaulet::admin

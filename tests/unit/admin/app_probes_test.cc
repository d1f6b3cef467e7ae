#include "admin/app_probes.h"

#include <gtest/gtest.h>

#include "admin_world.h"

namespace epaulet::admin {
namespace {

using std::chrono::milliseconds;

/// An app at the pod's address that answers each connection with the same bytes.
class App {
 public:
  App(test::SimLoop& loop, test::MemoryNetwork& network, SocketAddress where, std::string answer)
      : scope_(loop), listener_(network.listen(loop, where)), answer_(std::move(answer)) {
    loop.spawn(run(loop));
  }
  ~App() { scope_.cancel({ErrorCode::cancelled, Side::self, Stage::none}); }
  std::string asked;

 private:
  class OneAccept final : public AcceptOp {
   public:
    explicit OneAccept(Listener& listener) : listener_(listener) {}
    bool await_ready() { return listener_.start_accept(*this); }
    void await_suspend(std::coroutine_handle<> waiter) { waiter_ = waiter; }
    Result<StreamPtr> await_resume() { return std::move(result); }
    void run() override { waiter_.resume(); }

   private:
    Listener& listener_;
    std::coroutine_handle<> waiter_;
  };
  Task<void> run(test::SimLoop& loop) {
    auto stream = co_await OneAccept(*listener_);
    if (!stream) co_return;
    std::array<std::byte, 1024> buffer;
    while (asked.find("\r\n\r\n") == std::string::npos) {
      const auto got = co_await read_some(**stream, buffer, scope_);
      if (!got || *got == 0) co_return;
      asked += as_text(ConstBytes(buffer).first(*got));
    }
    const std::array<ConstBytes, 1> bytes{as_bytes(answer_)};
    (void)co_await write_all(**stream, bytes, scope_, !answer_.empty());
    // An app that says nothing keeps the connection.
    if (answer_.empty()) (void)co_await sleep_until(scope_, loop.now() + std::chrono::hours(1));
  }
  Scope scope_;
  std::unique_ptr<Listener> listener_;
  std::string answer_;
};

struct AppProbesTest : AdminWorld {
  AppProbesTest() {
    ProbeSettings first;
    first.path = "/healthz";
    first.port = 8080;
    ProbeSettings second;
    second.path = "/deep?full=1";
    second.port = 9090;
    ProbeSettings third;  // A connection is enough.
    third.port = 5432;
    probes.set({first, second, third});
    serve(health_surface([] { return Readiness{true, {}}; }), &probes);
  }
  std::unique_ptr<Dialer> own = network.exempt_dialer(loop, *IpAddress::parse("10.0.0.9"));
  AppProbes probes{*own};
};

TEST_F(AppProbesTest, ask_the_app_at_the_address_that_was_probed) {
  App app(loop, network, at("10.0.0.9:9090"), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
  const auto answer = get("/app-health/1");
  EXPECT_EQ(status_line(answer), "HTTP/1.1 200 OK");
  EXPECT_EQ(body(answer), "the app answered 200\n") << "its status, not its body";
  EXPECT_EQ(app.asked,
            "GET /deep?full=1 HTTP/1.1\r\nHost: 10.0.0.9:9090\r\nUser-Agent: epaulet\r\n"
            "Connection: close\r\n\r\n");
}

TEST_F(AppProbesTest, hand_on_the_apps_status) {
  for (const char* status : {"503 Starting", "302 Found", "404 Nope"}) {
    App app(loop, network, at("10.0.0.9:8080"),
            "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(get("/app-health/0").substr(9, 3), std::string(status).substr(0, 3));
    loop.run_until_quiet();
  }
  EXPECT_EQ(server->denied(), 0u) << "that is the app's word";
  (void)get("/app-health/7");
  EXPECT_EQ(server->denied(), 1u);
}

TEST_F(AppProbesTest, skip_informational_responses) {
  App app(loop, network, at("10.0.0.9:8080"),
          "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(get("/app-health/0").substr(9, 3), "204");
}

TEST_F(AppProbesTest, answer_503_while_the_app_does_not_listen) {
  const auto answer = get("/app-health/0");
  EXPECT_EQ(status_line(answer), "HTTP/1.1 503 Service Unavailable");
  EXPECT_NE(body(answer).find("refused the connection"), std::string::npos);
}

TEST_F(AppProbesTest, answer_503_when_the_app_speaks_nonsense_or_hangs_up) {
  for (const char* nonsense : {"hello\r\n\r\n", "HTTP/1.1 200", " "}) {
    App app(loop, network, at("10.0.0.9:8080"), nonsense);
    EXPECT_EQ(get("/app-health/0").substr(9, 3), "503") << nonsense;
    loop.run_until_quiet();
  }
}

TEST_F(AppProbesTest, answer_504_when_the_app_is_silent) {
  App app(loop, network, at("10.0.0.9:8080"), "");
  const auto client = connect();
  client->write("GET /app-health/0 HTTP/1.1\r\nHost: x\r\n\r\n");
  loop.advance(limits::kAdminProbeTime - milliseconds(1));
  EXPECT_EQ(client->take(), "");
  loop.advance(milliseconds(1));
  EXPECT_EQ(client->take().substr(9, 3), "504");
}

TEST_F(AppProbesTest, without_a_path_are_content_with_a_connection) {
  EXPECT_EQ(get("/app-health/2").substr(9, 3), "503") << "nobody listens";
  App app(loop, network, at("10.0.0.9:5432"), "");
  const auto answer = get("/app-health/2");
  EXPECT_EQ(status_line(answer), "HTTP/1.1 200 OK");
  EXPECT_EQ(body(answer), "the app takes connections\n");
  EXPECT_EQ(app.asked, "") << "not a byte is sent";
}

TEST_F(AppProbesTest, reach_nothing_that_is_not_listed) {
  App app(loop, network, at("10.0.0.9:8080"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  for (const char* path : {"/app-health/3", "/app-health/", "/app-health/x", "/app-health/-1",
                           "/app-health/0x", "/app-health/00000000000000000000000001",
                           "/app-health/0/", "/app-health/99999999999999999999"}) {
    EXPECT_EQ(get(path).substr(9, 3), std::string_view(path).ends_with("01") ? "503" : "404")
        << path;
  }
  EXPECT_EQ(app.asked, "");
  EXPECT_EQ(ask("POST /app-health/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").substr(9, 3),
            "405");
}

TEST_F(AppProbesTest, follow_a_reload) {
  probes.set({});
  EXPECT_EQ(get("/app-health/0").substr(9, 3), "404");
}

TEST_F(AppProbesTest, do_not_hide_the_pages_beside_them) {
  EXPECT_EQ(status_line(get("/ready")), "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace epaulet::admin

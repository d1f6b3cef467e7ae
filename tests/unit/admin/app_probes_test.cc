#include "admin/app_probes.h"

#include <gtest/gtest.h>

#include "small_app.h"

namespace epaulet::admin {
namespace {

using std::chrono::milliseconds;

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
    ProbeSettings fourth;
    fourth.port = 50051;
    fourth.grpc.emplace();
    fourth.timeout = std::chrono::seconds(3);
    ProbeSettings fifth;
    fifth.path = "/asked";
    fifth.port = 8081;
    fifth.headers = {{"Host", "shop.example"}, {"X-Say", "a"}, {"X-Say", "b"}};
    ProbeSettings sixth = fifth;
    sixth.headers = {{"user-agent", "mine"}};
    probes.set({first, second, third, fourth, fifth, sixth});
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

TEST_F(AppProbesTest, are_found_by_who_knows_the_secret_alone) {
  const std::string secret(32, 'a');
  probes.set_secret(secret);
  App app(loop, network, at("10.0.0.9:9090"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const std::vector<std::string> guesses = {"1",
                                            "/1",
                                            "/" + secret,
                                            secret,
                                            secret + "/",
                                            secret + "1",
                                            secret + "/7",
                                            std::string(31, 'a') + "/1",
                                            secret + "a/1",
                                            std::string(31, 'a') + "b/1",
                                            "1/" + secret};
  for (const auto& path : guesses)
    EXPECT_EQ(get("/app-health/" + path).substr(9, 3), "404") << path;
  EXPECT_EQ(app.asked, "");
  EXPECT_EQ(get("/app-health/" + secret + "/1").substr(9, 3), "200");
  EXPECT_NE(app.asked, "");
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

TEST_F(AppProbesTest, bring_the_headers_that_they_have) {
  {
    App app(loop, network, at("10.0.0.9:8081"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(get("/app-health/4").substr(9, 3), "200");
    EXPECT_EQ(app.asked,
              "GET /asked HTTP/1.1\r\nHost: shop.example\r\nX-Say: a\r\nX-Say: b\r\n"
              "User-Agent: epaulet\r\nConnection: close\r\n\r\n");
  }
  loop.run_until_quiet();
  App app(loop, network, at("10.0.0.9:8081"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(get("/app-health/5").substr(9, 3), "200");
  EXPECT_EQ(app.asked,
            "GET /asked HTTP/1.1\r\nHost: 10.0.0.9:8081\r\nuser-agent: mine\r\n"
            "Connection: close\r\n\r\n");
}

/// What a server of gRPC says: settings, a head, a HealthCheckResponse, trailers.
std::string grpc_answer(char serving, char status) {
  const auto frame = [](char type, char flags, char stream, const std::string& payload) {
    std::string out{0, 0, static_cast<char>(payload.size()), type, flags, 0, 0, 0, stream};
    return out + payload;
  };
  const std::string message{0, 0, 0, 0, 2, 8, serving};
  return frame(4, 0, 0, "") + frame(1, 4, 1, "\x88") + frame(0, 0, 1, message) +
         frame(1, 5, 1, std::string("\0\x0bgrpc-status\x01", 14) + status);
}
/// The request's DATA frame: no service.
const std::string kGrpcAsked("\0\0\5\0\1\0\0\0\1\0\0\0\0\0", 14);

TEST_F(AppProbesTest, by_grpc_ask_whether_the_app_serves) {
  const std::tuple<char, char, const char*, const char*> rows[] = {
      {1, '0', "200", "the app says SERVING\n"},
      {2, '0', "503", "the app says NOT_SERVING\n"},
      {1, '5', "503", "the app knows nothing of the service  (NOT_FOUND)\n"},
  };
  for (const auto& [serving, status, code, text] : rows) {
    App app(loop, network, at("10.0.0.9:50051"), grpc_answer(serving, status), kGrpcAsked);
    const auto answer = get("/app-health/3");
    EXPECT_EQ(answer.substr(9, 3), code);
    EXPECT_EQ(body(answer), text);
    loop.run_until_quiet();
  }
  {
    App app(loop, network, at("10.0.0.9:50051"), "HTTP/1.1 400 Bad Request\r\n\r\n");
    EXPECT_EQ(get("/app-health/3").substr(9, 3), "503") << "no HTTP/2";
    loop.run_until_quiet();
  }
  EXPECT_EQ(get("/app-health/3").substr(9, 3), "503") << "nobody listens";
}

TEST_F(AppProbesTest, take_no_longer_than_they_may) {
  App app(loop, network, at("10.0.0.9:50051"), "", kGrpcAsked);
  const auto client = connect();
  client->write("GET /app-health/3 HTTP/1.1\r\nHost: x\r\n\r\n");
  loop.advance(std::chrono::seconds(3) - milliseconds(1));
  EXPECT_EQ(client->take(), "");
  loop.advance(milliseconds(200));  // A word of farewell to the app.
  EXPECT_EQ(client->take().substr(9, 3), "504");
}

TEST_F(AppProbesTest, reach_nothing_that_is_not_listed) {
  App app(loop, network, at("10.0.0.9:8080"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  for (const char* path : {"/app-health/6", "/app-health/", "/app-health/x", "/app-health/-1",
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

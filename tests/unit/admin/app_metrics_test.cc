#include "admin/app_metrics.h"

#include <gtest/gtest.h>

#include "small_app.h"

namespace epaulet::admin {
namespace {

using std::chrono::milliseconds;

std::string page_of(const std::string& head, const std::string& text) {
  return "HTTP/1.1 200 OK\r\n" + head + "Content-Length: " + std::to_string(text.size()) +
         "\r\n\r\n" + text;
}

struct AppMetricsTest : AdminWorld {
  AppMetricsTest() {
    AppMetricsSettings settings;
    settings.port = 9102;
    settings.path = "/stats?x=1";
    metrics.set(settings);
    metrics.set_on_change([this](std::string_view why) { changes.emplace_back(why); });
    serve(metrics_surface([] { return std::string("epaulet_ready 1\n"); }, "text/plain"), nullptr,
          &metrics);
  }
  bool has(const std::string& page, const std::string& line) const {
    return page.find("\n" + line + "\n") != page.npos;
  }
  std::unique_ptr<Dialer> own = network.exempt_dialer(loop, *IpAddress::parse("10.0.0.9"));
  AppMetrics metrics{*own};
  std::vector<std::string> changes;
};

TEST_F(AppMetricsTest, stand_behind_ours) {
  App app(loop, network, at("10.0.0.9:9102"),
          page_of("Content-Type: text/plain\r\n", "app_up 1\nepaulet_ready 0\n"));
  const auto page = body(get("/metrics"));
  EXPECT_TRUE(page.starts_with("epaulet_ready 1\n"));
  EXPECT_TRUE(page.ends_with("\napp_up 1\n"));
  EXPECT_TRUE(has(page, "epaulet_app_metrics_up 1"));
  EXPECT_TRUE(has(page, "epaulet_app_metrics_samples 1"));
  EXPECT_TRUE(has(page, "epaulet_app_metrics_left_out 1"));
  EXPECT_TRUE(has(page, "epaulet_app_metrics_scrapes_total{result=\"merged\"} 1"));
  EXPECT_FALSE(has(page, "epaulet_ready 0"));
  EXPECT_TRUE(app.asked.starts_with("GET /stats?x=1 HTTP/1.1\r\nHost: 10.0.0.9:9102\r\nAccept: "));
  EXPECT_TRUE(changes.empty());
}

TEST_F(AppMetricsTest, are_not_on_our_own_page_nor_asked_for_by_head) {
  App app(loop, network, at("10.0.0.9:9102"), page_of("", "app_up 1\n"));
  EXPECT_EQ(body(get("/stats/prometheus")), "epaulet_ready 1\n");
  (void)ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(app.asked, "");
}

TEST_F(AppMetricsTest, that_fail_leave_ours_and_say_so) {
  const std::pair<std::string, const char*> rows[] = {
      {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "status"},
      {page_of("Content-Type: text/html\r\n", "<html>"), "format"},
      {page_of("Content-Encoding: gzip\r\n", "a 1\n"), "format"},
      {page_of("", "a 1\n<html>\n"), "malformed"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\na 1\n", "unreachable"},
      {page_of("", "a 1\n#" + std::string(AppMetrics::kBytesMax, ' ')), "too_large"},
      {"nonsense\r\n\r\n", "unreachable"},
  };
  for (const auto& [answer, result] : rows) {
    App app(loop, network, at("10.0.0.9:9102"), answer);
    const auto page = body(get("/metrics"));
    EXPECT_TRUE(page.starts_with("epaulet_ready 1\n"));
    EXPECT_TRUE(has(page, "epaulet_app_metrics_up 0")) << result;
    EXPECT_NE(page.find("result=\"" + std::string(result) + "\"} "), page.npos) << result << page;
    EXPECT_FALSE(has(page, "a 1"));
    loop.run_until_quiet();
  }
  EXPECT_TRUE(has(body(get("/metrics")), "epaulet_app_metrics_up 0")) << "nobody listens";
  EXPECT_EQ(changes, std::vector<std::string>{"it answered 500"}) << "once";
  App app(loop, network, at("10.0.0.9:9102"), page_of("", "a 1\n"));
  EXPECT_TRUE(has(body(get("/metrics")), "epaulet_app_metrics_up 1"));
  EXPECT_EQ(changes.back(), "");
}

TEST_F(AppMetricsTest, have_a_bound_of_time_that_the_scraper_may_set) {
  for (const auto& [header, time] :
       {std::pair<std::string, milliseconds>{"", AppMetrics::kTime},
        {"X-Prometheus-Scrape-Timeout-Seconds: 2\r\n", milliseconds(1600)},
        {"X-Prometheus-Scrape-Timeout-Seconds: soon\r\n", AppMetrics::kTime},
        {"X-Prometheus-Scrape-Timeout-Seconds: 900\r\n", AppMetrics::kTimeMax}}) {
    App app(loop, network, at("10.0.0.9:9102"), "");
    const auto client = connect();
    client->write("GET /metrics HTTP/1.1\r\nHost: x\r\n" + header + "\r\n");
    loop.advance(time - milliseconds(1));
    EXPECT_EQ(client->take(), "");
    loop.advance(milliseconds(1));
    EXPECT_NE(client->take().find("result=\"timeout\"} "), std::string::npos);
    loop.run_until_quiet();
  }
}

TEST_F(AppMetricsTest, are_asked_for_by_few_at_once) {
  App app(loop, network, at("10.0.0.9:9102"), "");
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i <= AppMetrics::kAtOnceMax; ++i) {
    clients.push_back(connect());
    clients.back()->write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  EXPECT_NE(clients.back()->take().find("result=\"busy\"} 1"), std::string::npos);
  loop.advance(AppMetrics::kTime);
  EXPECT_NE(clients.front()->take().find("result=\"timeout\"} "), std::string::npos);
}

TEST_F(AppMetricsTest, follow_a_reload) {
  metrics.set(std::nullopt);
  EXPECT_EQ(body(get("/metrics")), "epaulet_ready 1\n");
}

TEST_F(AppMetricsTest, may_go_while_the_app_is_waited_for) {
  App app(loop, network, at("10.0.0.9:9102"), "");
  const auto client = connect();
  client->write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  server.reset();
  loop.advance(AppMetrics::kTime);
  EXPECT_TRUE(client->closed());
}

}  // namespace
}  // namespace epaulet::admin

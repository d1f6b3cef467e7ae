#include "admin/surface.h"

#include <gtest/gtest.h>

#include "admin/surfaces.h"
#include "admin_world.h"
#include "http/http1/head_parser.h"

namespace epaulet::admin {
namespace {

Response answer(const Surface& surface, std::string_view bytes) {
  http::RequestHead head;
  const auto parsed = http::http1::parse_request_head(as_bytes(bytes), {}, head);
  EXPECT_TRUE(parsed.has_value()) << bytes;
  return surface.answer(head);
}

Response get(const Surface& surface, std::string_view target,
             std::string_view host = "localhost:15000", std::string_view more = "") {
  return answer(surface, "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) +
                             "\r\n" + std::string(more) + "\r\n");
}

TEST(AdminSurface, has_a_page_for_each_question) {
  const auto surface = admin_surface(word_sources());
  for (const char* page : {"config", "services", "endpoints", "certs"}) {
    const auto found = get(surface, "/" + std::string(page));
    EXPECT_EQ(found.status, 200);
    EXPECT_EQ(found.body, "\"" + std::string(page) + "\"");
    EXPECT_EQ(found.content_type, kJsonType);
  }
  EXPECT_EQ(get(surface, "/explain").body, "\"all\"");
  EXPECT_EQ(get(surface, "/explain?id=known").body, "\"one\"");
  EXPECT_EQ(get(surface, "/explain?id=k%6eown").body, "\"one\"");
  EXPECT_EQ(get(surface, "/explain?id=unknown").status, 404);
  EXPECT_EQ(get(surface, "/explain?what").status, 400);
  EXPECT_EQ(get(surface, "/live").body, "{\"live\":true}\n");
}

TEST(AdminSurface, tells_who_asks_for_nothing_what_there_is) {
  const auto found = get(admin_surface(word_sources()), "/");
  EXPECT_EQ(found.status, 404);
  EXPECT_NE(found.body.find("/certs /config /endpoints /explain /issuers /live /ready /services"),
            std::string::npos);
}

TEST(AdminSurface, is_read_only) {
  const auto surface = admin_surface(word_sources());
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"}) {
    const auto found =
        answer(surface, std::string(method) + " /config HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(found.status, 405) << method;
  }
  EXPECT_EQ(answer(surface, "HEAD /config HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
}

TEST(AdminSurface, answers_loopback_names_only) {
  const auto surface = admin_surface(word_sources());
  for (const char* host : {"localhost", "localhost:15000", "LocalHost:1", "127.0.0.1",
                           "127.0.0.1:15000", "[::1]", "[::1]:15000"}) {
    EXPECT_EQ(get(surface, "/config", host).status, 200) << host;
  }
  for (const char* host :
       {"attacker.example", "attacker.example:15000", "localhost.attacker.example",
        "127.0.0.1.attacker.example", "10.0.0.9:15000", "[::2]", "127.0.0.2", "xlocalhost"}) {
    EXPECT_EQ(get(surface, "/config", host).status, 403) << host;
  }
  EXPECT_EQ(answer(surface, "GET /config HTTP/1.0\r\n\r\n").status, 403) << "no Host at all";
}

TEST(AdminSurface, judges_the_authority_in_force) {
  const auto surface = admin_surface(word_sources());
  EXPECT_EQ(answer(surface,
                   "GET http://attacker.example/config HTTP/1.1\r\nHost: attacker.example\r\n\r\n")
                .status,
            403);
}

TEST(AdminSurface, refuses_web_pages) {
  const auto surface = admin_surface(word_sources());
  for (const char* origin : {"Origin: http://localhost:15000\r\n", "origin: null\r\n",
                             "ORIGIN: https://attacker.example\r\n"}) {
    EXPECT_EQ(get(surface, "/config", "localhost", origin).status, 403) << origin;
  }
}

TEST(LoopbackAuthority, is_not_fooled_by_ports) {
  EXPECT_FALSE(is_loopback_authority(""));
  EXPECT_FALSE(is_loopback_authority("localhost:80:80"));
  EXPECT_FALSE(is_loopback_authority("localhost:x"));
  EXPECT_FALSE(is_loopback_authority("[::1]x"));
  EXPECT_FALSE(is_loopback_authority("[::1"));
  EXPECT_FALSE(is_loopback_authority("::1"));
}

TEST(MetricsSurface, answers_whoever_reaches_it) {
  const auto surface = metrics_surface([] { return "a_total 1\n"; }, "text/plain; version=0.0.4");
  for (const char* path : {"/metrics", "/stats/prometheus"}) {
    const auto found = get(surface, path, "10.0.0.9:15020");
    EXPECT_EQ(found.status, 200);
    EXPECT_EQ(found.body, "a_total 1\n");
    EXPECT_EQ(found.content_type, "text/plain; version=0.0.4");
  }
  EXPECT_EQ(get(surface, "/config", "10.0.0.9:15020").status, 404);
}

TEST(HealthSurface, says_what_is_waited_for) {
  Readiness readiness{false, {"the redirect rules are not installed"}};
  const auto surface = health_surface([&] { return readiness; });
  for (const char* path : {"/ready", "/healthz/ready"}) {
    const auto found = get(surface, path, "10.0.0.9:15021");
    EXPECT_EQ(found.status, 503);
    EXPECT_EQ(found.body,
              "{\"ready\":false,\"reasons\":[\"the redirect rules are not installed\"]}\n");
  }
  EXPECT_EQ(get(surface, "/live").status, 200) << "live, though not ready";
  readiness = {true, {}};
  EXPECT_EQ(get(surface, "/ready").status, 200);
  EXPECT_EQ(get(surface, "/ready").body, "{\"ready\":true}\n");
  EXPECT_EQ(get(surface, "/config").status, 404);
}

}  // namespace
}  // namespace epaulet::admin

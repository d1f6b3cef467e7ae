#include "http/sharing.h"

#include <gtest/gtest.h>

#include <vector>

#include "http/http1/head_parser.h"

namespace epaulet::http {
namespace {

RequestHead request(std::string_view lines, std::string_view method = "GET") {
  RequestHead head;
  const auto text =
      std::string(method) + " /a HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n";
  EXPECT_TRUE(http1::parse_request_head(as_bytes(text), {}, head)) << lines;
  return head;
}

bool asked(std::string_view lines, std::string_view method = "GET", bool with_credentials = false) {
  return may_be_asked_together(request(lines, method), with_credentials);
}

bool answers(std::string_view lines, std::string_view status = "200",
             std::vector<std::string> ignored = {}, bool removed = false) {
  ResponseHead head;
  const auto told = "HTTP/1.1 " + std::string(status) + " X\r\n" + std::string(lines) +
                    (lines.find("Transfer-Encoding") == std::string_view::npos &&
                             lines.find("Content-Length") == std::string_view::npos
                         ? "Content-Length: 1\r\n\r\n"
                         : "\r\n");
  EXPECT_TRUE(http1::parse_response_head(as_bytes(told), {}, Method::get, head)) << lines;
  if (removed) {
    for (auto& field : head.fields) field.removed = true;
  }
  return may_answer_several(head, ignored);
}

TEST(Sharing, plain_reads_are_asked_together) {
  EXPECT_TRUE(asked(""));
  EXPECT_TRUE(asked("Accept: a/b\r\nX-Tenant: t\r\nCache-Control: max-age=5\r\n"));
  EXPECT_TRUE(asked("", "HEAD"));
  EXPECT_TRUE(asked("Content-Length: 0\r\n"));
}

TEST(Sharing, what_is_for_one_alone_is_asked_alone) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PURGE", "get"})
    EXPECT_FALSE(asked("", method)) << method;
  for (const char* lines :
       {"Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n", "Range: bytes=0-1\r\n",
        "If-None-Match: \"a\"\r\n", "if-match: *\r\n", "If-Range: \"a\"\r\n",
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "Pragma: no-cache\r\n",
        "Cache-Control: no-cache\r\n", "Cache-Control: a, No-Store\r\n",
        "Cache-Control: max-age=0\r\n", "Connection: upgrade\r\nUpgrade: websocket\r\n"})
    EXPECT_FALSE(asked(lines)) << lines;
}

TEST(Sharing, what_says_who_asks_is_asked_alone_unless_the_route_says_otherwise) {
  for (const char* lines :
       {"Authorization: Bearer a\r\n", "Cookie: a=b\r\n", "X-Api-Key: a\r\n", "x-user-id: 7\r\n",
        "Proxy-Authorization: a\r\n", "X-Hasura-User-Id: 7\r\n", "x-client-identity: a\r\n",
        "X-Forwarded-Client-Cert: a\r\n"}) {
    EXPECT_FALSE(asked(lines)) << lines;
    EXPECT_TRUE(asked(lines, "GET", true)) << lines;
    const auto head = request(lines);
    EXPECT_TRUE(tells_requests_apart(head.fields.back(), {})) << "only with one that says the same";
  }
}

TEST(Sharing, all_fields_tell_requests_apart_but_ids_and_what_is_ignored) {
  const std::vector<std::string> ignored = {"X-Correlation-Id"};
  for (const char* name : {"Accept", "User-Agent", "X-Tenant", "x-anything", "X-Correlation"}) {
    const auto head = request(std::string(name) + ": a\r\n");
    EXPECT_TRUE(tells_requests_apart(head.fields.back(), ignored)) << name;
  }
  for (const char* name :
       {"x-correlation-id", "X-Request-ID", "traceparent", "tracestate", "b3", "X-B3-TraceId"}) {
    const auto head = request(std::string(name) + ": a\r\n");
    EXPECT_FALSE(tells_requests_apart(head.fields.back(), ignored)) << name;
  }
  auto removed = request("Accept: a\r\n");
  removed.fields.back().removed = true;
  EXPECT_FALSE(tells_requests_apart(removed.fields.back(), {})) << "nobody sees it";
}

TEST(Sharing, an_answer_that_a_cache_might_keep_answers_several) {
  EXPECT_TRUE(answers(""));
  EXPECT_TRUE(answers("Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(answers("Cache-Control: public, max-age=1\r\nVary: Accept, X-Tenant\r\n"));
  EXPECT_TRUE(answers("Cache-Control: max-age=0, s-maxage=1\r\n"));
  EXPECT_TRUE(answers("Cache-Control: max-age=1\r\nExpires: 0\r\n"));
  EXPECT_TRUE(answers("Cache-Control: must-revalidate\r\n"));
  for (const char* status : {"203", "301", "404", "410"}) EXPECT_TRUE(answers("", status));
}

TEST(Sharing, an_answer_of_ones_own_does_not) {
  for (const char* lines :
       {"Set-Cookie: a=b\r\n", "Cache-Control: private\r\n", "Cache-Control: no-store\r\n",
        "cache-control: x, no-cache=\"a\"\r\n", "Cache-Control: max-age=0\r\n",
        "Cache-Control: max-age=9, s-maxage=0\r\n", "Expires: 0\r\n", "Pragma: no-cache\r\n",
        "Vary: *\r\n", "Vary: Accept, Traceparent\r\n", "Vary: X-Request-Id\r\n",
        "Content-Type: Text/Event-Stream; charset=utf-8\r\n"})
    EXPECT_FALSE(answers(lines)) << lines;
  EXPECT_FALSE(answers("Vary: x-a\r\n", "200", {"X-A"}));
  for (const char* status : {"201", "206", "302", "304", "400", "401", "403", "429", "500", "503"})
    EXPECT_FALSE(answers("", status)) << status;
  for (const char* lines : {"Set-Cookie: a=b\r\n", "Cache-Control: private\r\n", "Vary: *\r\n"})
    EXPECT_FALSE(answers(lines, "200", {}, true)) << "though a route takes it out: " << lines;
}

TEST(Sharing, what_an_app_says_of_one_request_is_for_that_one) {
  const std::vector<std::string> ignored = {"x-correlation-id", "content-type", "date"};
  const auto is_of_one = [&](std::string_view line) {
    const auto head = request(line);
    return answers_one_request(head.fields.back(), ignored);
  };
  for (const char* line : {"X-Correlation-Id: a\r\n", "X-Request-Id: a\r\n", "traceparent: a\r\n",
                           "tracestate: a\r\n", "b3: a\r\n", "x-b3-traceid: a\r\n"})
    EXPECT_TRUE(is_of_one(line)) << line;
  for (const char* line : {"Content-Type: a/b\r\n", "Date: a\r\n", "ETag: a\r\n"})
    EXPECT_FALSE(is_of_one(line)) << line;
}

TEST(Sharing, nobody_knows_whether_what_ends_with_its_connection_is_whole) {
  ResponseHead head;
  ASSERT_TRUE(
      http1::parse_response_head(as_bytes("HTTP/1.1 200 X\r\n\r\n"), {}, Method::get, head));
  EXPECT_FALSE(may_answer_several(head, {}));
}

}  // namespace
}  // namespace epaulet::http

#include "http/http1/serialize.h"

#include "http/hop_by_hop.h"
#include "tests/unit/http1/heads.h"

namespace epaulet::http::http1 {
namespace {

std::string request(std::string_view received) {
  RequestHead head;
  EXPECT_TRUE(receive_request(received, head)) << received;
  return forwarded(head);
}

TEST(WriteRequestHead, passes_on_every_byte_of_what_is_not_removed) {
  // Order, case, odd spacing, tabs, empty values, obs-text and repeated fields.
  constexpr std::string_view kHead =
      "PuT /A%2fb?x=%20&y HTTP/1.1\r\nhOsT:api2.default\r\nX-b:  2\t \r\nx-A: "
      "1\r\nX-B:\r\nSet-Thing: a,  b\r\n"
      "X-Obs: \xe9\xff\r\ncontent-LENGTH:   05\r\nX-b: 3\r\n\r\n";
  EXPECT_EQ(request(kHead), kHead);
}

TEST(WriteRequestHead, skips_removed_fields_wherever_they_stand) {
  constexpr std::string_view kLines[] = {"Host: a\r\n", "A: 1\r\n", "B: 2\r\n", "C: 3\r\n",
                                         "D: 4\r\n"};
  std::string received = "GET / HTTP/1.1\r\n";
  for (const auto line : kLines) received += line;
  received += "\r\n";
  // Every subset of the fields behind Host.
  for (unsigned removed = 0; removed < 16; ++removed) {
    RequestHead head;
    ASSERT_TRUE(receive_request(received, head));
    std::string expected = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (unsigned i = 0; i < 4; ++i) {
      head.fields[i + 1].removed = (removed >> i & 1) != 0;
      if (!head.fields[i + 1].removed) expected += kLines[i + 1];
    }
    EXPECT_EQ(forwarded(head), expected + "\r\n") << removed;
  }
}

TEST(WriteRequestHead, adds_fields_behind_and_hop_lines_last) {
  RequestHead head;
  ASSERT_TRUE(receive_request("GET / HTTP/1.1\r\nHost: a\r\nB: 2\r\n\r\n", head));
  head.added.add("X-Request-Id", "7");
  head.added.add("traceparent", "00-1-2-01");
  EXPECT_EQ(forwarded(head, "Connection: close\r\n"),
            "GET / HTTP/1.1\r\nHost: a\r\nB: 2\r\nX-Request-Id: 7\r\ntraceparent: 00-1-2-01\r\n"
            "Connection: close\r\n\r\n");
}

TEST(WriteRequestHead, speaks_our_own_version) {
  EXPECT_EQ(request("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(request("GET / HTTP/1.9\r\nHost: a\r\n\r\n"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(WriteRequestHead, does_not_give_an_http10_expectation_the_meaning_that_it_has_in_http11) {
  EXPECT_EQ(
      request("PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
}

TEST(WriteRequestHead, gives_an_http10_request_the_host_that_http11_needs) {
  EXPECT_EQ(request("GET / HTTP/1.0\r\nA: 1\r\n\r\n"), "GET / HTTP/1.1\r\nHost: \r\nA: 1\r\n\r\n");
  EXPECT_EQ(request("GET http://a:81/b HTTP/1.0\r\n\r\n"), "GET /b HTTP/1.1\r\nHost: a:81\r\n\r\n");
  RequestHead head;
  ASSERT_TRUE(receive_request("GET / HTTP/1.0\r\n\r\n", head));
  head.authority = "api2.default";
  EXPECT_EQ(forwarded(head), "GET / HTTP/1.1\r\nHost: api2.default\r\n\r\n");
}

TEST(WriteRequestHead, sends_origin_form_for_an_absolute_target) {
  const auto target = [](std::string_view method, std::string_view absolute) {
    const auto line =
        request(std::string(method) + " " + std::string(absolute) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto first = line.find(' ') + 1;
    return line.substr(first, line.find(" HTTP/") - first);
  };
  EXPECT_EQ(target("GET", "http://a"), "/");
  EXPECT_EQ(target("GET", "http://a/"), "/");
  EXPECT_EQ(target("GET", "http://a:80/b/c?d=http://e/?f"), "/b/c?d=http://e/?f");
  EXPECT_EQ(target("GET", "HTTP://A?q"), "/?q");
  EXPECT_EQ(target("GET", "http://a?"), "/?");
  EXPECT_EQ(target("GET", "http://a//b"), "//b");
  EXPECT_EQ(target("OPTIONS", "http://a"), "*");  // RFC 9112 section 3.2.4.
  EXPECT_EQ(target("OPTIONS", "http://a/"), "/");
  EXPECT_EQ(target("OPTIONS", "http://a?q"), "/?q");
  EXPECT_EQ(target("OPTIONS", "*"), "*");
  EXPECT_EQ(target("CONNECT", "a:443"), "a:443");
}

TEST(WriteRequestHead, sends_the_rewritten_target) {
  RequestHead head;
  ASSERT_TRUE(receive_request("GET http://a//b/../c?d HTTP/1.1\r\nHost: a\r\n\r\n", head));
  head.rewritten_target = "/c?d";
  EXPECT_EQ(forwarded(head), "GET /c?d HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(WriteRequestHead, what_it_writes_parses_to_the_same_message) {
  constexpr std::string_view kHeads[] = {
      "GET http://a?b HTTP/1.1\r\nHost: A:80\r\nX: y\r\n\r\n",
      "POST /x HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive, foo\r\nFoo: 1\r\n\r\n",
      "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\nTE: trailers\r\nConnection: "
      "TE\r\n\r\n",
  };
  for (const auto text : kHeads) {
    RequestHead first;
    ASSERT_TRUE(receive_request(text, first));
    remove_hop_by_hop(first);
    const std::string once = forwarded(first);
    RequestHead second;
    ASSERT_TRUE(receive_request(once, second)) << once;
    EXPECT_EQ(second.path, first.path);
    EXPECT_EQ(second.query, first.query);
    EXPECT_EQ(second.framing.kind, first.framing.kind);
    EXPECT_EQ(second.framing.length, first.framing.length);
    remove_hop_by_hop(second);
    EXPECT_EQ(forwarded(second), once) << "a second hop changes nothing";
  }
}

TEST(WriteResponseHead, passes_on_every_byte_of_what_is_not_removed) {
  constexpr std::string_view kHead =
      "HTTP/1.1 299 Quite  \xe9 fine \r\nSeRvEr:x\r\nSet-Cookie: a\r\nset-cookie:  b "
      "\r\nContent-Length: 3\r\n\r\n";
  ResponseHead head;
  ASSERT_TRUE(receive_response(kHead, Method::get, head));
  EXPECT_EQ(forwarded(head), kHead);
}

TEST(WriteResponseHead, restores_the_space_of_a_missing_reason) {
  ResponseHead head;
  ASSERT_TRUE(receive_response("HTTP/1.0 200\r\nA: 1\r\n\r\n", Method::get, head));
  EXPECT_EQ(forwarded(head), "HTTP/1.1 200 \r\nA: 1\r\n\r\n");
}

TEST(WriteResponseHead, writes_answers_of_our_own) {
  ResponseHead head;
  head.status = 403;
  head.reason = "Forbidden";
  head.added.add("x-request-id", "7");
  EXPECT_EQ(forwarded(head, "Connection: close\r\n"),
            "HTTP/1.1 403 Forbidden\r\nx-request-id: 7\r\nConnection: close\r\n\r\n");
  head.clear();
  head.status = 100;
  head.reason = "Continue";
  EXPECT_EQ(forwarded(head), "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(WriteResponseHead, writes_nothing_behind_its_end) {
  ResponseHead head;
  head.status = 200;
  std::string out(response_head_bytes(head) + 8, '#');
  const auto written = write_response_head(head, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(out.substr(0, written), "HTTP/1.1 200 \r\n\r\n");
  EXPECT_EQ(out.substr(written), "########");
}

using WriteHeadDeathTest = ::testing::Test;

TEST(WriteHeadDeathTest, too_little_room_is_a_broken_invariant) {
  ResponseHead head;
  head.status = 200;
  std::string out(response_head_bytes(head) - 1, '#');
  EXPECT_DEATH((void)write_response_head(head, std::as_writable_bytes(std::span(out))),
               "broken invariant");
}

}  // namespace
}  // namespace epaulet::http::http1

#include "http/http2/field_list.h"

#include <gtest/gtest.h>

#include "http/hop_by_hop.h"
#include "http/http1/head_parser.h"

namespace epaulet::http::http2 {
namespace {

std::string text_of(const FieldList& list) {
  std::string text;
  for (const auto& [name, value] : list.fields()) {
    text.append(name).append("=").append(value).append("\n");
  }
  return text;
}

TEST(FieldList, says_a_request_in_the_words_of_http2) {
  RequestHead head;
  ASSERT_TRUE(http1::parse_request_head(as_bytes("GET /a?b HTTP/1.1\r\nX-One: 1\r\nHost: h:80\r\n"
                                                 "Keep-Alive: x\r\nX-Two:2\r\nTE: trailers\r\n"
                                                 "Transfer-Encoding: chunked\r\n\r\n"),
                                        {}, head));
  head.added.add("X-Request-Id", "7");
  head.added.add("Connection", "TE");
  FieldList list;
  list.request(head, "http");
  EXPECT_EQ(text_of(list),
            ":method=GET\n:scheme=http\n:path=/a?b\n:authority=h:80\n"
            "x-one=1\nx-two=2\nte=trailers\nx-request-id=7\n");
}

TEST(FieldList, leaves_out_what_was_removed) {
  RequestHead head;
  ASSERT_TRUE(http1::parse_request_head(
      as_bytes("GET / HTTP/1.1\r\nHost: h\r\nConnection: x-a, close\r\nX-A: 1\r\n"
               "TE: gzip\r\nX-B: 2\r\n\r\n"),
      {}, head));
  remove_hop_by_hop(head);
  FieldList list;
  list.request(head, "http");
  EXPECT_EQ(text_of(list), ":method=GET\n:scheme=http\n:path=/\n:authority=h\nx-b=2\n");
}

TEST(FieldList, says_responses_and_trailers) {
  ResponseHead head;
  ASSERT_TRUE(http1::parse_response_head(
      as_bytes("HTTP/1.1 404 Not Here\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"), {},
      Method::get, head));
  FieldList list;
  list.response(head);
  EXPECT_EQ(text_of(list), ":status=404\ncontent-length=3\n");
  list.trailers("Grpc-Status: 0\r\nX: y\r\n");
  EXPECT_EQ(text_of(list), "grpc-status=0\nx=y\n");
}

}  // namespace
}  // namespace epaulet::http::http2

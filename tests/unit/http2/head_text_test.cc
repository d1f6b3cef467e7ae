#include "http/http2/head_text.h"

#include <gtest/gtest.h>

#include "http/http1/fault.h"

namespace epaulet::http::http2 {
namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

HeadText section(HeadText::Kind kind, const Fields& fields, http1::HeadLimits limits = {}) {
  HeadText text(limits);
  text.begin(kind);
  for (const auto& [name, value] : fields) text.add(name, value);
  return text;
}

HeadText request(const Fields& more = {}) {
  Fields fields{{":method", "POST"},
                {":scheme", "http"},
                {":path", "/a/b?c=d"},
                {":authority", "api2.default"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return section(HeadText::Kind::request, fields);
}

http1::Fault fault(HeadText text) {
  RequestHead head;
  const auto read = text.to_request(head, true);
  return read ? http1::Fault::none : http1::fault_of(read.error());
}

TEST(HeadText, reads_a_request_as_the_parser_of_http1_does) {
  RequestHead head;
  ASSERT_TRUE(request({{"x-one", "1"}, {"authorization", "Bearer t"}}).to_request(head, true));
  EXPECT_EQ(head.method, Method::post);
  EXPECT_EQ(head.path, "/a/b");
  EXPECT_EQ(head.query, "c=d");
  EXPECT_EQ(head.authority, "api2.default");
  EXPECT_EQ(head.find("x-one")->value, "1");
  EXPECT_NE(head.find(FieldId::authorization), nullptr);
  EXPECT_EQ(head.framing.kind, Framing::Kind::none);
  EXPECT_TRUE(head.keep_alive);
}

TEST(HeadText, frames_a_body_of_unknown_length_for_a_next_hop_that_speaks_http1) {
  RequestHead head;
  ASSERT_TRUE(request().to_request(head, false));
  EXPECT_EQ(head.framing.kind, Framing::Kind::chunked);
  EXPECT_EQ(head.added.lines(), "Transfer-Encoding: chunked\r\n");
  ASSERT_TRUE(request({{"content-length", "7"}}).to_request(head, false));
  EXPECT_EQ(head.framing.kind, Framing::Kind::length);
  EXPECT_EQ(head.framing.length, 7u);
  EXPECT_EQ(head.added.lines(), "");
}

TEST(HeadText, joins_cookies) {
  RequestHead head;
  ASSERT_TRUE(request({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}}).to_request(head, true));
  EXPECT_EQ(head.find("cookie")->value, "a=1; b=2");
}

TEST(HeadText, takes_a_host_that_agrees_and_refuses_one_that_does_not) {
  EXPECT_EQ(fault(request({{"host", "API2.default"}})), http1::Fault::none);
  EXPECT_EQ(fault(request({{"host", "other"}})), http1::Fault::host_duplicate);
  EXPECT_EQ(fault(request({{"host", "api2.default"}, {"host", "api2.default"}})),
            http1::Fault::none);
}

TEST(HeadText, refuses_what_http1_refuses) {
  EXPECT_EQ(
      fault(section(
          HeadText::Kind::request,
          {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "user@host"}})),
      http1::Fault::userinfo);
  EXPECT_EQ(fault(section(
                HeadText::Kind::request,
                {{":method", "GET"}, {":scheme", "http"}, {":path", "/a b"}, {":authority", "h"}})),
            http1::Fault::request_line);
  EXPECT_EQ(fault(request({{"x_epaulet_role", "admin\r\nx: y"}})), http1::Fault::field_value);
  EXPECT_EQ(fault(request({{"content-length", "+7"}})), http1::Fault::content_length_syntax);
}

TEST(HeadText, remembers_that_a_section_was_too_large) {
  http1::HeadLimits limits;
  limits.bytes = 4096;
  const std::string value(5000, 'v');
  auto text =
      section(HeadText::Kind::request,
              {{":method", "GET"}, {":path", "/"}, {":authority", "h"}, {"x", value}}, limits);
  EXPECT_TRUE(text.too_large());
  RequestHead head;
  const auto read = text.to_request(head, true);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::head_too_large);
  limits = {};
  limits.fields = 3;
  EXPECT_TRUE(
      section(HeadText::Kind::trailers, {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}}, limits)
          .too_large());
}

TEST(HeadText, reads_responses) {
  ResponseHead head;
  auto text = section(HeadText::Kind::response, {{":status", "200"}, {"x", "y"}});
  ASSERT_TRUE(text.to_response(head, Method::get, false));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.framing.kind, Framing::Kind::until_close);  // http1 makes chunks of it
  EXPECT_TRUE(head.keep_alive);
  ASSERT_TRUE(text.to_response(head, Method::get, true));
  EXPECT_EQ(head.framing.kind, Framing::Kind::none);
  EXPECT_EQ(head.added.lines(), "Content-Length: 0\r\n");
  ASSERT_TRUE(text.to_response(head, Method::head, true));
  EXPECT_EQ(head.added.lines(), "");
}

TEST(HeadText, knows_a_response_behind_an_informational_one_by_its_status) {
  auto text = section(HeadText::Kind::trailers, {{":status", "200"}});
  EXPECT_EQ(text.kind(), HeadText::Kind::response);
}

TEST(HeadText, leaves_out_of_trailers_what_may_not_be_there) {
  auto text = section(HeadText::Kind::trailers, {{"grpc-status", "0"},
                                                 {"content-length", "5"},
                                                 {"x-epaulet-roles", "admin"},
                                                 {"grpc-message", "ok"}});
  EXPECT_EQ(text.to_trailers(), "grpc-status: 0\r\ngrpc-message: ok\r\n");
}

HeadText extended_connect(std::string_view protocol, const Fields& more = {}) {
  Fields fields{{":method", "CONNECT"},
                {":protocol", protocol},
                {":scheme", "http"},
                {":path", "/chat"},
                {":authority", "api2.default"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return section(HeadText::Kind::request, fields);
}

TEST(HeadText, reads_an_extended_connect_as_the_upgrade_that_it_stands_for) {
  RequestHead head;
  ASSERT_TRUE(extended_connect("websocket").to_request(head, false));
  EXPECT_EQ(head.method, Method::get);
  EXPECT_EQ(head.path, "/chat");
  EXPECT_EQ(head.upgrade, "websocket");
  EXPECT_EQ(head.framing.kind, Framing::Kind::none);
}

TEST(HeadText, refuses_an_extended_connect_behind_which_requests_would_follow) {
  for (const std::string_view protocol :
       {"h2c", "HTTP/2.0", "tls", "websocket, h2c", "epaulet-http1"}) {
    RequestHead head;
    const auto read = extended_connect(protocol).to_request(head, false);
    ASSERT_FALSE(read) << protocol;
    EXPECT_EQ(read.error().code, ErrorCode::upgrade_unsupported) << protocol;
  }
  RequestHead head;
  EXPECT_FALSE(extended_connect("websocket", {{"content-length", "5"}}).to_request(head, false));
}

TEST(HeadText, reads_the_answer_to_an_extended_connect_as_101_if_it_agrees) {
  ResponseHead head;
  auto agreed = section(HeadText::Kind::response, {{":status", "200"}, {"x-a", "1"}});
  ASSERT_TRUE(agreed.to_response(head, Method::get, false, "websocket"));
  EXPECT_EQ(head.status, 101);
  EXPECT_EQ(head.upgrade, "websocket");
  auto declined = section(HeadText::Kind::response, {{":status", "403"}});
  ASSERT_TRUE(declined.to_response(head, Method::get, false, "websocket"));
  EXPECT_EQ(head.status, 403);
}

}  // namespace
}  // namespace epaulet::http::http2

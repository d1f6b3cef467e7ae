#include "tests/fuzz/support/naive_http1.h"
#include "tests/unit/http1/response_rows.h"

namespace epaulet::http::http1 {
namespace {

using namespace response_rows;

TEST(ResponseHead, refuses_every_message_with_two_readings) {
  for (const Refused& row : kRefused) {
    SCOPED_TRACE(row.why);
    ResponseHead head;
    const auto received = receive_response(row.head, Method::get, head);
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().code, row.code) << describe_fault(fault_of(received.error())).text;
    EXPECT_EQ(fault_of(received.error()), row.fault)
        << describe_fault(fault_of(received.error())).text;
    EXPECT_EQ(received.error().side, Side::upstream);
    EXPECT_EQ(received.error().stage, Stage::parse);
    EXPECT_EQ(received.error().retry, Retry::never);
    EXPECT_FALSE(naive::read_response(row.head, 200, Method::get).ok) << "the oracle takes it";
    EXPECT_FALSE(parse_response_head(as_bytes(row.head), {}, Method::get, head));
  }
  EXPECT_GE(std::size(kRefused), 50U);
}

TEST(ResponseHead, accepts_what_is_odd_but_clear) {
  for (const Accepted& row : kAccepted) {
    SCOPED_TRACE(row.why);
    ResponseHead head;
    const auto received = receive_response(row.head, row.request_method, head);
    ASSERT_TRUE(received) << describe_fault(fault_of(received.error())).text;
    EXPECT_EQ(head.framing.kind, row.kind);
    EXPECT_EQ(head.framing.length, row.length);
    EXPECT_EQ(head.keep_alive, row.keep_alive);
    EXPECT_TRUE(naive::read_response(row.head, 200, row.request_method).ok)
        << "the oracle refuses it";
  }
}

TEST(ResponseHead, fills_every_member) {
  ResponseHead head;
  ASSERT_TRUE(receive_response(
      "HTTP/1.0 101 Going  on\r\nUpgrade: x\r\nconnection: UPGRADE\r\n\r\n", Method::get, head));
  EXPECT_EQ(head.version, Version::http10);
  EXPECT_EQ(head.status, 101);
  EXPECT_EQ(head.reason, "Going  on");
  EXPECT_EQ(head.upgrade, "x");
  ASSERT_EQ(head.fields.size(), 2U);
  EXPECT_EQ(head.fields[1].line, "connection: UPGRADE\r\n");
  ASSERT_TRUE(receive_response("HTTP/1.1 426 No\r\nUpgrade: x\r\n\r\n", Method::get, head));
  EXPECT_EQ(head.upgrade, "") << "only a 101 has upgraded";
  EXPECT_EQ(head.fields.size(), 1U);
}

TEST(ResponseHead, voids_framing_fields_where_no_body_can_be) {
  constexpr std::string_view kHeads[] = {
      "HTTP/1.1 204 No\r\nA: b\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 204 No\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 103 Hint\r\nA: b\r\nContent-Length: 0\r\n\r\n",
  };
  for (const auto text : kHeads) {
    ResponseHead head;
    ASSERT_TRUE(receive_response(text, Method::get, head)) << text;
    EXPECT_EQ(head.find(FieldId::content_length), nullptr) << text;
    EXPECT_EQ(head.find(FieldId::transfer_encoding), nullptr) << text;
    EXPECT_NE(head.find("A"), nullptr);
  }
  // What a HEAD or a 304 says about the body that a GET would get is true, and passed on.
  ResponseHead head;
  ASSERT_TRUE(receive_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::head, head));
  EXPECT_NE(head.find(FieldId::content_length), nullptr);
  ASSERT_TRUE(
      receive_response("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", Method::get, head));
  EXPECT_NE(head.find(FieldId::content_length), nullptr);
}

TEST(ResponseHead, limits_speak_of_the_response) {
  HeadLimits limits;
  limits.fields = 1;
  ResponseHead head;
  EXPECT_TRUE(receive_response("HTTP/1.1 200 OK\r\nA: 1\r\n\r\n", Method::get, head, limits));
  const auto refused =
      receive_response("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n", Method::get, head, limits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::response_head_too_large);
  EXPECT_EQ(refused.error().side, Side::upstream);
}

std::string random_response(PieceWriter& pieces) {
  constexpr std::string_view kStarts[] = {
      "HTTP/1.1 200 OK",   "HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 No",
      "HTTP/1.1 304 Same", "HTTP/1.1 100",    "HTTP/1.1 101 Up", "HTTP/1.1 404 ",
      "HTTP/1.2 999 \xe9", "HTTP/2.0 200 OK", "HTTP/1.1 20 OK"};
  constexpr std::string_view kLines[] = {"Content-Length: 5",
                                         "Content-Length: 0",
                                         "content-length:  07 ",
                                         "Content-Length: 5,5",
                                         "Transfer-Encoding: chunked",
                                         "TRANSFER-ENCODING:chunkeD",
                                         "Transfer-Encoding: gzip",
                                         "Connection: close",
                                         "Connection: keep-alive",
                                         "Connection: upgrade",
                                         "Connection: cookie",
                                         "Upgrade: x",
                                         "Server: a",
                                         "X:",
                                         "Set-Cookie: a=b",
                                         "transfer_encoding: chunked"};
  std::string text(pieces.one_of(kStarts));
  text += "\r\n";
  for (std::size_t count = pieces.below(5); count > 0; --count) {
    text.append(pieces.one_of(kLines)).append("\r\n");
  }
  text += "\r\n";
  return pieces.below(2) == 0 ? pieces.damage(text, 50) : text;
}

TEST(ResponseHead, agrees_with_the_oracle_on_random_heads) {
  constexpr Method kMethods[] = {Method::get, Method::head, Method::connect};
  std::size_t accepted = 0;
  for (std::uint32_t seed = 0; seed < 20000; ++seed) {
    PieceWriter pieces(seed);
    const std::string text = random_response(pieces);
    const Method method = kMethods[seed % 3];
    ResponseHead head;
    const bool taken = parse_response_head(as_bytes(text), {}, method, head).has_value();
    const auto naive = naive::read_response(text, 200, method);
    ASSERT_EQ(taken, naive.ok) << "seed " << seed << "\n" << text;
    if (!taken) continue;
    ++accepted;
    EXPECT_EQ(head.framing.kind, naive.kind) << text;
    EXPECT_EQ(head.framing.length, naive.length) << text;
    EXPECT_EQ(head.keep_alive, naive.keep_alive) << text;
    EXPECT_EQ(head.status, naive.status) << text;
  }
  EXPECT_GT(accepted, 2000U);
}

}  // namespace
}  // namespace epaulet::http::http1

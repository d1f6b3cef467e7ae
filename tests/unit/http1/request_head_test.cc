#include "tests/fuzz/support/naive_http1.h"
#include "tests/unit/http1/heads.h"

namespace epaulet::http::http1 {
namespace {

TEST(RequestHead, fills_every_member) {
  RequestHead head;
  ASSERT_TRUE(receive_request(
      "PATCH /a%20b?q HTTP/1.1\r\nhOST: api:81\r\nX-Odd:  \tv w\t \r\nConnection: Upgrade, x\r\n"
      "Upgrade: websocket\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc",
      head));
  EXPECT_EQ(head.method, Method::patch);
  EXPECT_EQ(head.method_text, "PATCH");
  EXPECT_EQ(head.target, "/a%20b?q");
  EXPECT_EQ(head.form, TargetForm::origin);
  EXPECT_EQ(head.version, Version::http11);
  EXPECT_EQ(head.upgrade, "websocket");
  EXPECT_TRUE(head.expects_continue);
  ASSERT_EQ(head.fields.size(), 6U);
  EXPECT_EQ(head.fields[0].name, "hOST");
  EXPECT_EQ(head.fields[0].id, FieldId::host);
  EXPECT_EQ(head.fields[1].name, "X-Odd");
  EXPECT_EQ(head.fields[1].value, "v w");
  EXPECT_EQ(head.fields[1].line, "X-Odd:  \tv w\t \r\n");
  EXPECT_EQ(head.fields[1].id, FieldId::other);
  EXPECT_FALSE(head.fields[1].removed);
}

TEST(RequestHead, views_point_into_its_own_storage) {
  std::string bytes = "GET /path?query HTTP/1.1\r\nHost: host\r\n\r\n";
  RequestHead head;
  ASSERT_TRUE(receive_request(bytes, head));
  bytes.assign(bytes.size(), '#');
  EXPECT_EQ(head.target, "/path?query");
  EXPECT_EQ(head.authority, "host");
  const auto stored = as_text(head.storage.span());
  for (const auto view : {head.method_text, head.target, head.path, head.query, head.authority}) {
    EXPECT_GE(view.data(), stored.data());
    EXPECT_LE(view.data() + view.size(), stored.data() + stored.size());
  }
}

TEST(RequestHead, nothing_of_an_earlier_head_is_left) {
  RequestHead head;
  ASSERT_TRUE(receive_request(
      "POST http://a/x?y HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: "
      "upgrade, close\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n",
      head));
  head.rewritten_target = "/z";
  head.added.add("X", "y");
  const auto* const fields = head.fields.data();
  ASSERT_TRUE(receive_request("GET / HTTP/1.1\r\nHost: b\r\n\r\n", head));
  EXPECT_EQ(head.fields.size(), 1U);
  EXPECT_EQ(head.fields.data(), fields) << "capacity is kept: no allocation";
  EXPECT_EQ(head.form, TargetForm::origin);
  EXPECT_EQ(head.query, "");
  EXPECT_EQ(head.upgrade, "");
  EXPECT_FALSE(head.expects_continue);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.framing.kind, Framing::Kind::none);
  EXPECT_EQ(head.rewritten_target, "");
  EXPECT_EQ(head.added.lines(), "");
}

TEST(RequestHead, upgrade_counts_only_if_nominated_and_in_http11) {
  RequestHead head;
  ASSERT_TRUE(receive_request("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", head));
  EXPECT_EQ(head.upgrade, "");
  ASSERT_TRUE(
      receive_request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", head));
  EXPECT_EQ(head.upgrade, "");
  ASSERT_TRUE(receive_request(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, upGRADE\r\nUpgrade: a, b\r\n\r\n",
      head));
  EXPECT_EQ(head.upgrade, "a, b");
  ASSERT_TRUE(receive_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", head));
  EXPECT_EQ(head.upgrade, "");
  EXPECT_TRUE(
      receive_request("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n", head));
}

TEST(RequestHead, an_upgrade_that_would_carry_requests_past_the_rules_is_not_taken_up) {
  for (const std::string_view upgrade :
       {"h2c", "H2C", "websocket, h2c", "h2c,websocket", "HTTP/2.0", "HTTP", "h2", "TLS/1.0", "tls",
        "x, TLS/1.2, HTTP/1.1", "h2c/1", "http /2", "Epaulet-HTTP1"}) {
    RequestHead head;
    ASSERT_TRUE(
        receive_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                        "HTTP2-Settings: x\r\nUpgrade: " +
                            std::string(upgrade) + "\r\n\r\n",
                        head));
    EXPECT_EQ(head.upgrade, "") << upgrade;
  }
  for (const std::string_view upgrade :
       {"websocket", "h2cc", "xhttp", "IRC/6.9, RTA/x11", "foo/http"}) {
    RequestHead head;
    ASSERT_TRUE(receive_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: " +
                                    std::string(upgrade) + "\r\n\r\n",
                                head));
    EXPECT_EQ(head.upgrade, upgrade);
  }
}

TEST(RequestHead, expects_continue_only_before_a_body) {
  RequestHead head;
  ASSERT_TRUE(receive_request(
      "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
      head));
  EXPECT_TRUE(head.expects_continue);
  ASSERT_TRUE(receive_request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", head));
  EXPECT_FALSE(head.expects_continue);
  ASSERT_TRUE(
      receive_request("PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", head));
  EXPECT_FALSE(head.expects_continue);
}

TEST(RequestHead, admits_exactly_as_many_fields_as_the_limit) {
  HeadLimits limits;
  limits.fields = 3;
  RequestHead head;
  EXPECT_TRUE(receive_request("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n", head, limits));
  const auto refused =
      receive_request("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", head, limits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::head_too_large);
  EXPECT_EQ(fault_of(refused.error()), Fault::too_many_fields);
}

TEST(RequestHead, admits_the_largest_head_and_not_one_byte_more) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  text.append(limits::kHeadBytesMax - text.size() - 4, 'x').append("\r\n\r\n");
  RequestHead head;
  ASSERT_TRUE(receive_request(text, head));
  EXPECT_EQ(head.fields[1].value.size(), text.size() - 32);
  HeadLimits smaller;
  smaller.bytes = text.size() - 1;
  EXPECT_EQ(parse_request_head(as_bytes(text), smaller, head).error().code,
            ErrorCode::head_too_large);
  text.insert(text.size() - 4, "x");
  HeadLimits larger;
  larger.bytes = 2 * limits::kLargeBlockBytes;
  EXPECT_EQ(parse_request_head(as_bytes(text), {}, head).error().code, ErrorCode::head_too_large);
  EXPECT_EQ(parse_request_head(as_bytes(text), larger, head).error().code,
            ErrorCode::head_too_large);
}

TEST(RequestHead, refuses_what_is_not_exactly_one_head) {
  RequestHead head;
  const auto fault = [&](std::string_view bytes) {
    const auto parsed = parse_request_head(as_bytes(bytes), {}, head);
    return parsed ? Fault::none : fault_of(parsed.error());
  };
  EXPECT_EQ(fault(""), Fault::incomplete);
  EXPECT_EQ(fault("\r\n\r\n"), Fault::incomplete);
  EXPECT_EQ(fault("\n"), Fault::bare_lf);
  EXPECT_EQ(fault("\nGET / HTTP/1.1\r\n\r\n"), Fault::bare_lf);
  EXPECT_EQ(fault("GET / HTTP/1.1"), Fault::incomplete);
  EXPECT_EQ(fault("GET / HTTP/1.1\r\n"), Fault::incomplete);
  EXPECT_EQ(fault("GET / HTTP/1.1\r\nHost: a"), Fault::incomplete);
  EXPECT_EQ(fault("GET / HTTP/1.1\r\nHost: a\r"), Fault::incomplete);
  EXPECT_EQ(fault("GET / HTTP/1.1\r\nHost: a\r\n"), Fault::incomplete);
  EXPECT_EQ(fault("GET / HTTP/1.1\r\nHost: a\r\n\r"), Fault::incomplete);
  EXPECT_EQ(fault("GET / HTTP/1.1\r\nHost: a\r\n\r\nx"), Fault::bytes_after_head);
}

/// Random heads from likely and unlikely pieces, damaged here and there: codec and oracle must
/// agree.
std::string random_request(PieceWriter& pieces) {
  constexpr std::string_view kMethods[] = {"GET",     "POST", "HEAD", "OPTIONS",
                                           "CONNECT", "get",  "PURGE"};
  constexpr std::string_view kTargets[] = {"/",        "/a?b",          "*",         "http://a/",
                                           "http://a", "http://b:80?x", "a:443",     "//",
                                           "/x#y",     "HTTP://A:80/",  "https://a/"};
  constexpr std::string_view kVersions[] = {"HTTP/1.1", "HTTP/1.1", "HTTP/1.1",
                                            "HTTP/1.0", "HTTP/1.2", "HTTP/2.0"};
  constexpr std::string_view kLines[] = {"Host: a",
                                         "Host: a",
                                         "Host: a:80",
                                         "host: A",
                                         "Host:",
                                         "Host: b",
                                         "Content-Length: 5",
                                         "Content-Length: 0",
                                         "content-length:05",
                                         "Content-Length: 5, 5",
                                         "Transfer-Encoding: chunked",
                                         "transfer-encoding:CHUNKED ",
                                         "Transfer-Encoding: gzip, chunked",
                                         "Transfer-Encoding:",
                                         "Connection: close",
                                         "Connection: keep-alive",
                                         "Connection: Upgrade, TE",
                                         "Connection: host",
                                         "Upgrade: websocket",
                                         "Upgrade: h2c",
                                         "Expect: 100-continue",
                                         "Expect: x",
                                         "TE: trailers",
                                         "X: y",
                                         "Content_Length: 5",
                                         "X:",
                                         "Cookie: a=b; c=d",
                                         "Accept: */*"};
  std::string text;
  if (pieces.below(8) == 0) text += "\r\n";
  text.append(pieces.one_of(kMethods)).append(" ").append(pieces.one_of(kTargets)).append(" ");
  text.append(pieces.one_of(kVersions)).append("\r\n");
  if (pieces.below(4) != 0) text += "Host: a\r\n";
  for (std::size_t count = pieces.below(5); count > 0; --count) {
    text.append(pieces.one_of(kLines)).append("\r\n");
  }
  text += "\r\n";
  return pieces.below(2) == 0 ? pieces.damage(text, 60) : text;
}

TEST(RequestHead, agrees_with_the_oracle_on_random_heads) {
  std::size_t accepted = 0;
  for (std::uint32_t seed = 0; seed < 20000; ++seed) {
    PieceWriter pieces(seed);
    const std::string text = random_request(pieces);
    RequestHead head;
    const bool taken = parse_request_head(as_bytes(text), {}, head).has_value();
    const auto naive = naive::read_request(text, 200);
    ASSERT_EQ(taken, naive.ok) << "seed " << seed << "\n" << text;
    if (!taken) continue;
    ++accepted;
    EXPECT_EQ(head.framing.kind, naive.kind) << text;
    EXPECT_EQ(head.framing.length, naive.length) << text;
    EXPECT_EQ(head.keep_alive, naive.keep_alive) << text;
    EXPECT_EQ(head.path, naive.path) << text;
    EXPECT_EQ(head.query, naive.query) << text;
    EXPECT_EQ(head.authority, naive.authority) << text;
  }
  EXPECT_GT(accepted, 2000U);
}

}  // namespace
}  // namespace epaulet::http::http1

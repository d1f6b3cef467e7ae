#include "pair.h"

namespace epaulet::http::http2 {
namespace {

ResponseHead response(std::uint16_t status, std::string_view lines = "") {
  ResponseHead head;
  EXPECT_TRUE(http1::parse_response_head(
      as_bytes("HTTP/1.1 " + std::to_string(status) + " \r\n" + std::string(lines) + "\r\n"), {},
      Method::get, head));
  return head;
}

Task<std::string> read_all(ServedStream& stream, Scope& scope, std::string* trailers = nullptr) {
  std::string body;
  while (!stream.body().complete()) {
    const auto chunk = co_await stream.body().pull(scope);
    if (!chunk) co_return body + "!";
    body += as_text(chunk->bytes);
    if (trailers != nullptr) *trailers += chunk->trailers;
  }
  stream.body().finish();
  co_return body;
}

Task<void> echo(Pair& pair, ServedStream& stream) {
  RequestHead request;
  EXPECT_TRUE(stream.take_head(request));
  std::string trailers;
  const std::string body = co_await read_all(stream, pair.server_scope, &trailers);
  auto head = response(200, "X-Path: " + std::string(request.path) + "\r\n");
  stream.begin_response(request, head, true);
  const Chunk chunk(as_bytes(body), true, trailers);
  EXPECT_TRUE(co_await stream.writer().push(chunk, pair.server_scope));
  stream.settle();
}

TEST(Http2Exchange, carries_a_request_and_its_answer) {
  Pair pair(echo);
  const auto answer = pair.get("POST /x HTTP/1.1\r\nContent-Length: 5\r\n", "hello");
  ASSERT_TRUE(answer.result);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(pair.get("GET / HTTP/1.1\r\n").body, "");
  EXPECT_EQ(pair.client.session().open_streams(), 0u);
  EXPECT_EQ(pair.server.session().open_streams(), 0u);
}

TEST(Http2Exchange, carries_bodies_larger_than_all_windows) {
  Pair pair(echo);
  const std::string body(3 << 20, 'x');
  const auto answer = pair.get("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", body);
  ASSERT_TRUE(answer.result);
  EXPECT_TRUE(answer.body == body);
}

TEST(Http2Exchange, carries_trailers_both_ways) {
  Pair pair(echo);
  OpenedStream stream(pair.client, "http");
  auto request = Pair::head("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n");
  Pair::Answer answer;
  Scope scope(pair.loop);
  const auto ask = [&]() -> Task<void> {
    stream.begin_request(request);
    const Chunk chunk(as_bytes("body"), true, "X-Sum: 4\r\n");
    EXPECT_TRUE(co_await stream.writer().push(chunk, scope));
    co_await pair.hear(stream, answer, scope);
  };
  pair.loop.spawn(ask());
  pair.loop.run_until_quiet();
  EXPECT_EQ(answer.body, "body");
  EXPECT_EQ(answer.trailers, "x-sum: 4\r\n");
}

TEST(Http2Exchange, passes_informational_heads_at_once) {
  Pair pair([](Pair& p, ServedStream& stream) -> Task<void> {
    RequestHead request;
    EXPECT_TRUE(stream.take_head(request));
    auto early = response(103, "Link: </a>\r\n");
    EXPECT_TRUE(co_await stream.send_informational(early, p.server_scope));
    co_await next_turn(p.loop);
    co_await echo(p, stream);
  });
  const auto answer = pair.get("GET / HTTP/1.1\r\n");
  EXPECT_EQ(answer.informational, std::vector<std::uint16_t>{103});
  EXPECT_EQ(answer.status, 200);
}

TEST(Http2Exchange, holds_back_who_writes_to_a_stalled_reader_and_nobody_else) {
  std::size_t begun = 0;
  Pair pair([&begun](Pair& p, ServedStream& stream) -> Task<void> {
    ++begun;
    RequestHead request;
    EXPECT_TRUE(stream.take_head(request));
    if (request.path == "/stalled") {
      Event never(p.loop);
      (void)co_await never.wait(p.server_scope);
      co_return;
    }
    EXPECT_EQ((co_await read_all(stream, p.server_scope)).size(), std::size_t{1} << 20);
    auto head = response(204);
    stream.begin_response(request, head, true);
    const Chunk end({}, true);
    EXPECT_TRUE(co_await stream.writer().push(end, p.server_scope));
  });
  const std::string body(1 << 20, 'x');
  Scope scope(pair.loop);
  std::vector<std::unique_ptr<OpenedStream>> stalled;
  auto stalled_request = Pair::head("POST /stalled HTTP/1.1\r\nTransfer-Encoding: chunked\r\n");
  std::vector<Pair::Answer> answers(40);
  for (auto& answer : answers) {
    stalled.push_back(std::make_unique<OpenedStream>(pair.client, "http"));
    pair.loop.spawn(pair.ask(*stalled.back(), stalled_request, body, answer, scope));
    pair.loop.run_until_quiet();
  }
  EXPECT_EQ(begun, 40u);
  EXPECT_EQ(stalled[0]->writer().bytes(), 64u << 10);  // one window's worth, and no more
  const auto answer = pair.get("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", body);
  EXPECT_EQ(answer.status, 204);
  scope.cancel({ErrorCode::cancelled, Side::self, Stage::send});
  pair.loop.run_until_quiet();
}

TEST(Http2Exchange, stalled_streams_share_a_bound_and_who_reads_has_a_whole_window_beside_them) {
  constexpr std::size_t kRead = 20'000;
  Pair pair([](Pair& p, ServedStream& stream) -> Task<void> {
    RequestHead request;
    EXPECT_TRUE(stream.take_head(request));
    if (request.path == "/reads") {
      for (std::size_t got = 0; got < kRead;) {
        const auto chunk = co_await stream.body().pull(p.server_scope);
        if (!chunk) co_return;
        got += chunk->bytes.size();
      }
    }
    Event never(p.loop);
    (void)co_await never.wait(p.server_scope);
  });
  const std::string body(1 << 20, 'x');
  Scope scope(pair.loop);
  std::vector<std::unique_ptr<OpenedStream>> streams;
  std::vector<Pair::Answer> answers(121);
  auto head = Pair::head("POST /stalls HTTP/1.1\r\nTransfer-Encoding: chunked\r\n");
  auto last_head = Pair::head("POST /reads HTTP/1.1\r\nTransfer-Encoding: chunked\r\n");
  for (auto& answer : answers) {
    const bool last = &answer == &answers.back();
    streams.push_back(std::make_unique<OpenedStream>(pair.client, "http"));
    pair.loop.spawn(pair.ask(*streams.back(), last ? last_head : head, body, answer, scope));
    if (!last) continue;
    pair.loop.run_until_quiet();
  }
  // As many as came with the first windows, one window of the connection behind them, and the rest.
  EXPECT_LE(pair.server.session().unread(), limits::kHttp2UnreadBytesMax);
  EXPECT_GE(pair.server.session().unread(), limits::kHttp2UnreadBytes);
  EXPECT_GT(streams.back()->writer().bytes(), kRead + 40'000) << "no more than a narrow window";
  for (const auto& stream : streams) EXPECT_GT(stream->writer().bytes(), 4'000u);
  scope.cancel({ErrorCode::cancelled, Side::self, Stage::send});
  pair.loop.run_until_quiet();
  streams.clear();
  pair.loop.run_until_quiet();
  pair.served.clear();
  EXPECT_EQ(pair.server.session().unread(), 0u);
}

TEST(Http2Exchange, an_early_answer_stops_the_upload_and_keeps_the_connection) {
  Pair pair([](Pair& p, ServedStream& stream) -> Task<void> {
    RequestHead request;
    EXPECT_TRUE(stream.take_head(request));
    auto head = response(413);
    stream.begin_response(request, head, true);
    const Chunk end(as_bytes("too much"), true);
    EXPECT_TRUE(co_await stream.writer().push(end, p.server_scope));
    stream.settle();
  });
  OpenedStream stream(pair.client, "http");
  auto request = Pair::head("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n");
  Scope scope(pair.loop);
  Pair::Answer answer;
  bool upload_ended = false;
  const std::string body(1 << 20, 'x');
  const auto upload = [&]() -> Task<void> {
    stream.begin_request(request);
    const Chunk chunk(as_bytes(body), true);
    EXPECT_FALSE(co_await stream.writer().push(chunk, scope));
    upload_ended = true;
  };
  pair.loop.spawn(upload());
  pair.loop.spawn(pair.hear(stream, answer, scope));
  pair.loop.run_until_quiet();
  EXPECT_TRUE(upload_ended);
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "too much");
  EXPECT_EQ(pair.client.session().open_streams(), 0u);
  EXPECT_FALSE(pair.client_end);
}

TEST(Http2Exchange, an_early_answer_of_a_head_alone_is_not_lost_to_the_reset_behind_it) {
  Pair pair([](Pair& p, ServedStream& stream) -> Task<void> {
    RequestHead request;
    EXPECT_TRUE(stream.take_head(request));
    auto head = response(403);
    stream.begin_response(request, head, true);
    const Chunk end({}, true);
    EXPECT_TRUE(co_await stream.writer().push(end, p.server_scope));
    stream.settle();
  });
  OpenedStream stream(pair.client, "http");
  auto request = Pair::head("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n");
  Scope scope(pair.loop);
  Pair::Answer answer;
  const auto begin = [&]() -> Task<void> {
    stream.begin_request(request);
    EXPECT_TRUE(co_await stream.writer().flush(scope));
  };
  pair.loop.spawn(begin());
  pair.loop.spawn(pair.hear(stream, answer, scope));
  pair.loop.run_until_quiet();
  EXPECT_TRUE(answer.result);
  EXPECT_EQ(answer.status, 403);
}

TEST(Http2Exchange, the_server_hears_of_a_caller_that_leaves) {
  Pair pair([](Pair&, ServedStream& stream) -> Task<void> {
    RequestHead request;
    EXPECT_TRUE(stream.take_head(request));
    co_return;
  });
  {
    OpenedStream stream(pair.client, "http");
    auto request = Pair::head("GET / HTTP/1.1\r\n");
    Scope scope(pair.loop);
    Pair::Answer answer;
    pair.loop.spawn(pair.ask(stream, request, "", answer, scope));
    pair.loop.run_until_quiet();
    EXPECT_FALSE(pair.scopes[0]->cancelled());
    stream.abandon({});
    pair.loop.run_until_quiet();
    EXPECT_FALSE(answer.result);
  }
  ASSERT_TRUE(pair.scopes[0]->cancelled());
  EXPECT_EQ(pair.scopes[0]->cancelled()->code, ErrorCode::downstream_reset);
  EXPECT_FALSE(pair.server_end);
}

TEST(Http2Exchange, a_reset_before_the_head_may_be_retried_by_method_and_a_refusal_always) {
  bool refuse = false;
  Pair pair([&refuse](Pair& p, ServedStream& stream) -> Task<void> {
    RequestHead request;
    EXPECT_TRUE(stream.take_head(request));
    p.server.session().reset(stream.id(),
                             refuse ? ErrorNumber::refused_stream : ErrorNumber::internal_error);
    p.server.kick();
    co_return;
  });
  auto answer = pair.get("GET / HTTP/1.1\r\n");
  ASSERT_FALSE(answer.result);
  EXPECT_EQ(answer.result.error().code, ErrorCode::reset_before_response);
  EXPECT_EQ(answer.result.error().retry, Retry::if_idempotent);
  refuse = true;
  answer = pair.get("POST / HTTP/1.1\r\n");
  ASSERT_FALSE(answer.result);
  EXPECT_EQ(answer.result.error().retry, Retry::safe);
}

TEST(Http2Exchange, an_answer_that_breaks_off_is_seen_to_do_so) {
  Pair pair([](Pair& p, ServedStream& stream) -> Task<void> {
    RequestHead request;
    EXPECT_TRUE(stream.take_head(request));
    auto head = response(200);
    stream.begin_response(request, head, true);
    const Chunk half(as_bytes("half"), false);
    EXPECT_TRUE(co_await stream.writer().push(half, p.server_scope));
    stream.settle();
  });
  const auto answer = pair.get("GET / HTTP/1.1\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "half");
  ASSERT_FALSE(answer.result);
  EXPECT_EQ(answer.result.error().code, ErrorCode::upstream_reset);
  EXPECT_EQ(answer.result.error().retry, Retry::never);
}

TEST(Http2Exchange, after_goaway_what_was_begun_ends_and_nothing_else_begins) {
  Pair* shared = nullptr;
  Pair pair([&shared](Pair& p, ServedStream& stream) -> Task<void> {
    if (shared != nullptr) {
      p.server.session().shut_down(true);
      p.server.kick();
      co_await next_turn(p.loop);
    }
    co_await echo(p, stream);
  });
  shared = &pair;
  EXPECT_TRUE(pair.client.session().accepts_requests());
  EXPECT_EQ(pair.get("GET / HTTP/1.1\r\n").status, 200);
  EXPECT_TRUE(pair.goaway);
  EXPECT_FALSE(pair.client.session().accepts_requests());
  const auto refused = pair.get("POST / HTTP/1.1\r\n");
  ASSERT_FALSE(refused.result);
  EXPECT_EQ(refused.result.error().retry, Retry::safe);
}

TEST(Http2Exchange, the_end_of_the_connection_is_the_end_of_its_streams) {
  Pair pair([](Pair& p, ServedStream&) -> Task<void> {
    EXPECT_TRUE(co_await write_end(*p.streams.b, p.server_scope));
  });
  const auto answer = pair.get("GET / HTTP/1.1\r\n");
  ASSERT_FALSE(answer.result);
  EXPECT_EQ(answer.result.error().retry, Retry::if_idempotent);
  EXPECT_TRUE(pair.client_end);
  EXPECT_EQ(pair.get("GET / HTTP/1.1\r\n").result.error().retry, Retry::safe);
}

TEST(Http2Exchange, holds_no_block_while_nothing_happens) {
  Pair pair(echo);
  EXPECT_EQ(pair.get("POST / HTTP/1.1\r\nContent-Length: 5\r\n", "hello").status, 200);
  pair.served.clear();
  EXPECT_EQ(Block::in_use(), 0u);
}

}  // namespace
}  // namespace epaulet::http::http2

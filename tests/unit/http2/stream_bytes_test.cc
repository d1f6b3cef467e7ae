#include "http/http2/stream_bytes.h"

#include "io/ops.h"
#include "pair.h"

namespace epaulet::http::http2 {
namespace {

constexpr std::string_view kHandshake =
    "GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: k\r\n";

ResponseHead agreement() {
  ResponseHead head;
  const std::string lines =
      "HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n"
      "X-Also: yes\r\n\r\n";
  EXPECT_TRUE(http1::parse_response_head(as_bytes(lines), {}, Method::get, head));
  return head;
}

/// Both ends of an agreed upgrade.
class StreamBytesTest : public testing::Test {
 protected:
  StreamBytesTest() : scope_(pair_.loop) {
    request_ = Pair::head(kHandshake);
    pair_.loop.spawn(agree());
    pair_.loop.run_until_quiet();
  }

  Task<void> agree() {
    opened_.begin_request(request_);
    const Chunk end({}, true);
    EXPECT_TRUE(co_await opened_.writer().push(end, scope_));
    EXPECT_TRUE(opened_.writer().complete());
    EXPECT_TRUE(co_await opened_.read_head(Method::get, answered_, scope_));
  }
  Task<void> serve(Pair& pair, ServedStream& stream) {
    EXPECT_TRUE(stream.take_head(asked_));
    auto head = agreement();
    stream.begin_response(asked_, head, true);
    const Chunk end({}, true);
    EXPECT_TRUE(co_await stream.writer().push(end, pair.server_scope));
  }

  /// Says it, and then our end if asked to.
  static Task<void> say(ByteStream& stream, std::string text, bool end, Scope& scope,
                        std::optional<Result<void>>& done) {
    const std::array<ConstBytes, 2> buffers{as_bytes(text).first(text.size() / 2),
                                            as_bytes(text).subspan(text.size() / 2)};
    done = co_await write_all(stream, buffers, scope);
    if (end) done = co_await write_end(stream, scope);
  }
  /// Reads until the end, an error, or `most` bytes.
  static Task<void> hear(StreamReader& reader, std::string& heard, std::optional<Error>& end,
                         Scope& scope, std::size_t most = SIZE_MAX) {
    while (heard.size() < most) {
      const auto filled = co_await reader.fill(scope);
      if (!filled || *filled == 0) {
        end = filled ? Error(ErrorCode::end_of_stream, Side::self, Stage::none) : filled.error();
        co_return;
      }
      heard += as_text(reader.buffered());
      reader.consume(reader.buffered().size());
    }
  }

  Pair pair_{[this](Pair& pair, ServedStream& stream) { return serve(pair, stream); }};
  Scope scope_;
  RequestHead request_;
  RequestHead asked_;
  ResponseHead answered_;
  OpenedStream opened_{pair_.client, "http"};
  std::optional<Result<void>> said_;
  std::string heard_;
  std::optional<Error> end_;
};

TEST_F(StreamBytesTest, an_upgrade_is_asked_and_agreed_to_without_the_fields_of_http1) {
  EXPECT_EQ(asked_.method, Method::get);
  EXPECT_EQ(asked_.upgrade, "websocket");
  EXPECT_EQ(asked_.find("sec-websocket-key"), nullptr);
  EXPECT_EQ(asked_.framing.kind, Framing::Kind::none);
  EXPECT_EQ(answered_.status, 101);
  EXPECT_EQ(answered_.upgrade, "websocket");
  EXPECT_EQ(answered_.find("sec-websocket-accept"), nullptr);
  EXPECT_NE(answered_.find("x-also"), nullptr);
}

TEST_F(StreamBytesTest, carries_bytes_beyond_all_windows_and_a_half_close) {
  auto near = opened_.switch_to_bytes();
  auto far = pair_.served.front()->switch_to_bytes();
  const std::string text(3 << 20, 'z');
  pair_.loop.spawn(say(near.stream, text, true, scope_, said_));
  pair_.loop.spawn(hear(far.reader, heard_, end_, scope_));
  pair_.loop.run_until_quiet();
  ASSERT_TRUE(said_ && *said_);
  EXPECT_TRUE(heard_ == text);
  ASSERT_TRUE(end_);
  EXPECT_EQ(end_->code, ErrorCode::end_of_stream);

  std::optional<Result<void>> answered;
  std::string back;
  std::optional<Error> back_end;
  pair_.loop.spawn(say(far.stream, "still here", true, scope_, answered));
  pair_.loop.spawn(hear(near.reader, back, back_end, scope_));
  pair_.loop.run_until_quiet();
  EXPECT_EQ(back, "still here");
  EXPECT_EQ(pair_.client.session().open_streams(), 0u);
}

TEST_F(StreamBytesTest, who_does_not_read_holds_the_sender_back) {
  auto near = opened_.switch_to_bytes();
  auto far = pair_.served.front()->switch_to_bytes();
  pair_.loop.spawn(say(near.stream, std::string(1 << 20, 'z'), false, scope_, said_));
  pair_.loop.run_until_quiet();
  EXPECT_FALSE(said_) << "a window of 64 KiB has no room for it";
  pair_.loop.spawn(hear(far.reader, heard_, end_, scope_, 1 << 20));
  pair_.loop.run_until_quiet();
  EXPECT_TRUE(said_ && *said_);
  EXPECT_EQ(heard_.size(), std::size_t{1} << 20);
}

TEST_F(StreamBytesTest, bytes_sent_before_anybody_switched_are_not_lost) {
  auto near = opened_.switch_to_bytes();
  pair_.loop.spawn(say(near.stream, "early", true, scope_, said_));
  pair_.loop.run_until_quiet();
  auto far = pair_.served.front()->switch_to_bytes();
  pair_.loop.spawn(hear(far.reader, heard_, end_, scope_));
  pair_.loop.run_until_quiet();
  EXPECT_EQ(heard_, "early");
  EXPECT_EQ(end_->code, ErrorCode::end_of_stream);
}

TEST_F(StreamBytesTest, a_reset_is_a_reset_for_the_reader_and_the_writer) {
  auto near = opened_.switch_to_bytes();
  auto far = pair_.served.front()->switch_to_bytes();
  pair_.loop.spawn(say(far.stream, std::string(1 << 20, 'z'), false, scope_, said_));
  std::string none;
  pair_.loop.spawn(hear(far.reader, none, end_, scope_));
  pair_.loop.run_until_quiet();
  near.stream.reset();
  pair_.loop.run_until_quiet();
  ASSERT_TRUE(said_ && end_);
  EXPECT_EQ(said_->error().code, ErrorCode::upstream_reset);
  EXPECT_EQ(end_->code, ErrorCode::upstream_reset);
  std::optional<Result<void>> later;
  pair_.loop.spawn(say(far.stream, "x", false, scope_, later));
  pair_.loop.run_until_quiet();
  EXPECT_EQ(later->error().code, ErrorCode::upstream_reset);
}

TEST_F(StreamBytesTest, a_cancelled_read_loses_nothing) {
  auto near = opened_.switch_to_bytes();
  auto far = pair_.served.front()->switch_to_bytes();
  {
    Scope given_up(pair_.loop);
    pair_.loop.spawn(hear(far.reader, heard_, end_, given_up));
    pair_.loop.run_until_quiet();
    given_up.cancel({ErrorCode::cancelled, Side::self, Stage::receive});
    pair_.loop.run_until_quiet();
    EXPECT_EQ(end_->code, ErrorCode::cancelled);
  }
  pair_.loop.spawn(say(near.stream, "whole", true, scope_, said_));
  pair_.loop.spawn(hear(far.reader, heard_, end_, scope_));
  pair_.loop.run_until_quiet();
  EXPECT_EQ(heard_, "whole");
}

}  // namespace
}  // namespace epaulet::http::http2

#include "http/http2/carried_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <list>
#include <optional>

#include "base/stream_error.h"
#include "io/ops.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet::http::http2 {
namespace {

/// Two ends of a connection; the server takes each stream that begins.
class CarriedStreamTest : public testing::Test, private SessionEvents {
 protected:
  CarriedStreamTest() {
    loop_.spawn(run_end(client_));
    loop_.spawn(run_end(server_));
    loop_.run_until_quiet();
  }
  ~CarriedStreamTest() override {
    const Error over(ErrorCode::cancelled, Side::self, Stage::shutdown);
    scope_.cancel(over);
    loop_.run_to_end();
    opened_.reset();
    taken_.clear();
    loop_.run_to_end();
  }

  StreamEvents* on_request(StreamId id) override {
    if (refuses_) return nullptr;
    taken_.push_back(std::make_unique<CarriedStream>(server_, id));
    return &taken_.back()->events();
  }
  void on_goaway() override {}

  CarriedStream& open() {
    opened_ = std::make_unique<CarriedStream>(client_);
    EXPECT_TRUE(opened_->open());
    return *opened_;
  }
  CarriedStream& taken() { return *taken_.back(); }

  static Task<void> run_end(Connection& connection) {
    (void)co_await connection.run(nullptr);
    connection.session().abandon_streams();
  }
  static Task<void> write(ByteStream& stream, std::string text, bool end, Scope& scope,
                          std::optional<Result<void>>& done) {
    const std::array<ConstBytes, 1> buffers{as_bytes(text)};
    done = co_await write_all(stream, buffers, scope, end);
  }
  void say(ByteStream& stream, std::string text, bool end = false) {
    said_.reset();
    loop_.spawn(write(stream, std::move(text), end, writing_, said_));
    loop_.run_until_quiet();
  }
  struct Heard {
    std::string text;
    std::optional<Error> end;  ///< end_of_stream for a FIN.
  };
  static Task<void> listen(ByteStream& stream, Heard& heard, std::size_t most, Scope& scope) {
    StreamReader reader(stream);
    while (heard.text.size() < most) {
      const auto filled = co_await reader.fill(scope);
      if (!filled || *filled == 0) {
        heard.end =
            filled ? Error(ErrorCode::end_of_stream, Side::self, Stage::none) : filled.error();
        co_return;
      }
      heard.text += as_text(reader.buffered());
      reader.consume(reader.buffered().size());
    }
  }
  Heard& hear(ByteStream& stream, std::size_t most = SIZE_MAX) {
    auto& heard = heard_.emplace_back();
    loop_.spawn(listen(stream, heard, most, scope_));
    loop_.run_until_quiet();
    return heard;
  }

  test::SimLoop loop_;
  Random random_{7};
  test::StreamPair streams_ = test::make_stream_pair(loop_, loop_, random_);
  StreamReader client_reader_{*streams_.a};
  StreamReader server_reader_{*streams_.b};
  Scope scope_{loop_};
  Scope writing_{scope_};
  SessionLimits limits_;
  Connection client_{Role::client, limits_, *this, *streams_.a, client_reader_, scope_};
  Connection server_{Role::server, limits_, *this, *streams_.b, server_reader_, scope_};
  std::unique_ptr<CarriedStream> opened_;
  std::list<std::unique_ptr<CarriedStream>> taken_;
  std::list<Heard> heard_;
  std::optional<Result<void>> said_;
  bool refuses_ = false;
};

TEST_F(CarriedStreamTest, bytes_go_both_ways_as_they_are) {
  auto& stream = open();
  say(stream, "GET / HTTP/1.1\r\nhOsT: a\r\n\r\n");
  ASSERT_EQ(taken_.size(), 1u);
  EXPECT_TRUE(taken().is_open());
  auto& asked = hear(taken());
  EXPECT_EQ(asked.text, "GET / HTTP/1.1\r\nhOsT: a\r\n\r\n");
  say(stream, "more");
  EXPECT_EQ(asked.text.substr(asked.text.size() - 4), "more");
  auto& answered = hear(stream);
  const std::string large(300'000, 'x');
  say(taken(), large);
  EXPECT_EQ(answered.text, large);
  EXPECT_FALSE(answered.end);
}

TEST_F(CarriedStreamTest, a_half_closes_alone) {
  auto& stream = open();
  say(stream, "all", true);
  auto& asked = hear(taken());
  ASSERT_TRUE(asked.end);
  EXPECT_EQ(asked.end->code, ErrorCode::end_of_stream);
  auto& answered = hear(stream);
  say(taken(), "answer", true);
  EXPECT_EQ(answered.text, "answer");
  ASSERT_TRUE(answered.end);
  EXPECT_EQ(answered.end->code, ErrorCode::end_of_stream);
  EXPECT_TRUE(taken().has_closed());
}

TEST_F(CarriedStreamTest, who_lets_go_of_it_ends_it_in_order) {
  auto& stream = open();
  say(stream, "all");
  auto& asked = hear(taken());
  opened_.reset();
  loop_.run_until_quiet();
  EXPECT_EQ(asked.text, "all");
  ASSERT_TRUE(asked.end);
  EXPECT_EQ(asked.end->code, ErrorCode::end_of_stream);
  // The other end may, too: then the stream is gone on both sides.
  taken_.clear();
  loop_.run_until_quiet();
  EXPECT_EQ(client_.session().open_streams(), 0u);
  EXPECT_EQ(server_.session().open_streams(), 0u);
}

TEST_F(CarriedStreamTest, what_is_said_to_nobody_is_refused) {
  auto& stream = open();
  say(stream, "all");
  opened_.reset();
  loop_.run_until_quiet();
  say(taken(), "an answer");
  EXPECT_TRUE(taken().has_closed());
  EXPECT_EQ(client_.session().open_streams(), 0u);
}

TEST_F(CarriedStreamTest, many_may_come_and_go_in_order) {
  for (int i = 0; i < 2'000; ++i) {
    auto& stream = open();
    say(stream, "request");
    ASSERT_FALSE(taken_.empty());
    say(taken(), "answer");
    opened_.reset();
    taken_.clear();
    loop_.run_until_quiet();
    ASSERT_TRUE(client_.session().accepts_requests()) << i;
  }
  EXPECT_EQ(server_.session().violation(), "");
}

TEST_F(CarriedStreamTest, a_reset_is_a_reset) {
  auto& stream = open();
  say(stream, "half of");
  auto& asked = hear(taken());
  static_cast<ByteStream&>(stream).reset();
  loop_.run_until_quiet();
  ASSERT_TRUE(asked.end);
  EXPECT_EQ(asked.end->code, ErrorCode::upstream_reset);
  EXPECT_EQ(asked.end->retry, Retry::never);
}

TEST_F(CarriedStreamTest, a_write_that_was_given_up_never_looks_like_a_whole_one) {
  auto& stream = open();
  say(stream, "head");
  auto& asked = hear(taken(), 10);  // And no more: the window fills.
  say(stream, std::string(400'000, 'x'));
  EXPECT_FALSE(said_);
  writing_.cancel({ErrorCode::cancelled, Side::self, Stage::send});
  loop_.run_until_quiet();
  opened_.reset();
  loop_.run_until_quiet();
  auto& rest = hear(taken());
  ASSERT_TRUE(rest.end);
  EXPECT_EQ(rest.end->code, ErrorCode::upstream_reset);
  EXPECT_FALSE(asked.text.empty());
}

TEST_F(CarriedStreamTest, what_was_refused_between_requests_may_be_asked_elsewhere) {
  auto& stream = open();
  say(stream, "request");
  say(taken(), "answer");
  auto& answered = hear(stream);
  taken().refuse();
  loop_.run_until_quiet();
  ASSERT_TRUE(answered.end);
  EXPECT_EQ(answered.end->code, ErrorCode::upstream_reset);
  EXPECT_EQ(answered.end->retry, Retry::safe);
  EXPECT_EQ(answered.end->detail, 0);
}

TEST_F(CarriedStreamTest, one_that_was_never_taken_says_by_its_number_that_it_is_too_much) {
  refuses_ = true;
  auto& stream = open();
  say(stream, "request");
  auto& answered = hear(stream);
  ASSERT_TRUE(answered.end);
  EXPECT_EQ(answered.end->retry, Retry::safe);
  EXPECT_NE(answered.end->detail, 0);
}

TEST_F(CarriedStreamTest, the_end_of_the_connection_promises_nothing_of_what_was_sent) {
  auto& stream = open();
  say(stream, "request");
  auto& answered = hear(stream);
  scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown});
  loop_.run_to_end();
  ASSERT_TRUE(answered.end);
  EXPECT_EQ(answered.end->retry, Retry::never);
}

TEST_F(CarriedStreamTest, a_peer_that_asks_for_anything_else_is_reset) {
  struct Events final : StreamEvents {
    void on_head(HeadText&, bool) override { got_head = true; }
    void on_data(ConstBytes) override {}
    void on_end() override {}
    void on_closed(std::uint32_t number, bool, bool) override { closed = number; }
    Outgoing outgoing() override { return {}; }
    void on_taken(std::size_t) override {}
    void on_end_sent() override {}
    bool got_head = false;
    std::optional<std::uint32_t> closed;
  };
  const std::array<NameValue, 4> get{
      {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}};
  const std::array<NameValue, 5> socket{{{":method", "CONNECT"},
                                         {":protocol", "websocket"},
                                         {":scheme", "http"},
                                         {":path", "/"},
                                         {":authority", "a"}}};
  const auto is_refused = [this](std::span<const NameValue> fields, bool end) {
    Events events;
    const auto id = client_.session().request(fields, end, events);
    client_.kick();
    loop_.run_until_quiet();
    if (!events.closed) client_.session().detach(*id, ErrorNumber::cancel);
    return !events.got_head && events.closed == 1u;
  };
  EXPECT_TRUE(is_refused(get, true));
  EXPECT_TRUE(is_refused(get, false));
  EXPECT_TRUE(is_refused(socket, false));
  EXPECT_EQ(taken_.size(), 3u);
  for (const auto& each : taken_) EXPECT_FALSE(each->is_open());
}

}  // namespace
}  // namespace epaulet::http::http2

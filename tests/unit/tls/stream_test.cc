#include "tls/stream.h"

#include <gtest/gtest.h>

#include "io/ops.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"
#include "tests/unit/tls/mesh_fixture.h"

namespace epaulet {
namespace {

using namespace std::chrono_literals;
using test::NetworkConditions;
using test::SimLoop;

/// Counts what reaches the lower stream.
class CountingStream final : public ByteStream {
 public:
  struct Counts {
    std::size_t writes = 0;
    std::size_t bytes = 0;
    std::string sent;
  };
  CountingStream(StreamPtr lower, Counts& counts) : lower_(std::move(lower)), counts_(counts) {}
  bool start_read(ReadOp& op) override { return lower_->start_read(op); }
  void cancel_read(const Error& why) override { lower_->cancel_read(why); }
  bool start_write(WriteOp& op) override {
    ++counts_.writes;
    for (const auto& piece : op.buffers) {
      counts_.bytes += piece.size();
      counts_.sent += as_text(piece);
    }
    return lower_->start_write(op);
  }
  void cancel_write(const Error& why) override { lower_->cancel_write(why); }
  void reset() override { lower_->reset(); }
  bool has_pending_input() override { return lower_->has_pending_input(); }
  const Info& info() const override { return lower_->info(); }
  Loop& loop() const override { return lower_->loop(); }

 private:
  StreamPtr lower_;
  Counts& counts_;
};

/// Lengths of the records in a piece of ciphertext.
std::vector<std::size_t> records_in(std::string_view ciphertext) {
  std::vector<std::size_t> lengths;
  while (ciphertext.size() >= 5) {
    const std::size_t length =
        5 + (static_cast<std::size_t>(static_cast<unsigned char>(ciphertext[3])) << 8) +
        static_cast<unsigned char>(ciphertext[4]);
    lengths.push_back(length);
    ciphertext.remove_prefix(std::min(length, ciphertext.size()));
  }
  return lengths;
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

class TlsStreamTest : public testing::Test {
 protected:
  /// The simulated clock stands elsewhere than kNow.
  static constexpr WallTime kStart = SimLoop::kWallStart;

  void connect(NetworkConditions conditions = {}) {
    auto pair = test::make_stream_pair(loop_, loop_, random_, conditions);
    auto lower = std::make_unique<CountingStream>(std::move(pair.a), counts_);
    client_ = TlsStream::client(std::move(lower), api_, options());
    server_ = TlsStream::server(std::move(pair.b), api2_);
  }
  TlsClientOptions options() {
    TlsClientOptions options;
    options.server_name = "api2.default";
    options.protocol = detect::MeshProtocol::http1;
    options.expected = expected_;
    return options;
  }

  static Task<void> shake(TlsStream& stream, Scope& scope, std::optional<Result<void>>& result) {
    result = co_await stream.handshake(scope);
  }
  void open(NetworkConditions conditions = {}) {
    connect(conditions);
    loop_.spawn(shake(*client_, scope_, client_result_));
    loop_.spawn(shake(*server_, scope_, server_result_));
    run();
    ASSERT_TRUE(client_result_ && client_result_->has_value()) << client_->report().diagnosis;
    ASSERT_TRUE(server_result_ && server_result_->has_value()) << server_->report().diagnosis;
    counts_ = {};
  }
  void run() { loop_.run_to_end(1min); }

  static Task<void> send(ByteStream& stream, Scope& scope, std::string text, std::size_t piece,
                         bool end, std::optional<Result<void>>& result) {
    std::size_t at = 0;
    result = Result<void>();
    while (at < text.size()) {
      const ConstBytes bytes = as_bytes(std::string_view(text).substr(at, piece));
      const std::span<const ConstBytes> pieces(&bytes, 1);
      at += bytes.size();
      result = co_await write_all(stream, pieces, scope, end && at == text.size());
      if (!result->has_value()) co_return;
    }
    if (end && text.empty()) result = co_await write_end(stream, scope);
  }
  static Task<void> receive(ByteStream& stream, Scope& scope, std::size_t buffer, std::string& text,
                            std::optional<Result<std::size_t>>& end) {
    std::vector<std::byte> into(buffer);
    for (;;) {
      const auto got = co_await read_some(stream, Bytes(into), scope);
      if (!got || *got == 0) {
        end = got;
        co_return;
      }
      text += as_text(ConstBytes(into).first(*got));
    }
  }

  SimLoop loop_;
  Random random_{7};
  Scope scope_{loop_};
  CertificateAuthority ca_ = CertificateAuthority::create(kDomain, KeyType::ed25519, kStart);
  std::shared_ptr<const TlsContext> api_ =
      context_of(identity_of(issue_text(ca_, kApi, kStart), kStart));
  std::shared_ptr<const TlsContext> api2_ =
      context_of(identity_of(issue_text(ca_, kApi2, kStart), kStart));
  std::vector<std::string> expected_{kApi2};
  CountingStream::Counts counts_;
  std::unique_ptr<TlsStream> client_;
  std::unique_ptr<TlsStream> server_;
  std::optional<Result<void>> client_result_;
  std::optional<Result<void>> server_result_;
};

/// A read that the test starts by itself.
class TestRead final : public ReadOp {
 public:
  explicit TestRead(std::size_t size = 16384) : buffer_(size) {}
  Bytes prepare() override {
    ++prepared;
    return buffer_;
  }
  void run() override { ++ran; }
  [[nodiscard]] std::string text() const {
    return std::string(as_text(ConstBytes(buffer_).first(*result)));
  }
  int prepared = 0;
  int ran = 0;

 private:
  std::vector<std::byte> buffer_;
};

class TestWrite final : public WriteOp {
 public:
  explicit TestWrite(std::vector<std::string> pieces, bool end_ = false)
      : pieces_(std::move(pieces)) {
    for (const auto& piece : pieces_) views_.push_back(as_bytes(piece));
    buffers = views_;
    end = end_;
  }
  void run() override { ++ran; }
  int ran = 0;

 private:
  std::vector<std::string> pieces_;
  std::vector<ConstBytes> views_;
};

TEST_F(TlsStreamTest, shakes_hands_and_carries_bytes) {
  open();
  EXPECT_EQ(client_->report().spiffe_id, kApi2);
  EXPECT_EQ(server_->report().spiffe_id, kApi);
  EXPECT_EQ(server_->report().sni, "api2.default");
  TestWrite write({"hello"});
  ASSERT_TRUE(client_->start_write(write));
  ASSERT_TRUE(write.result.has_value());
  TestRead read;
  ASSERT_TRUE(server_->start_read(read));
  EXPECT_EQ(read.text(), "hello");
}

TEST_F(TlsStreamTest, survives_any_network_with_any_sizes) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    random_ = Random(seed);
    Random draw(seed * 31);
    NetworkConditions conditions;
    conditions.read_max = draw.below(2) == 0 ? 1 + draw.below(100) : 1 + draw.below(40000);
    conditions.capacity = 1 + draw.below(70000);
    conditions.delay_max = std::chrono::microseconds(draw.below(3000));
    open(conditions);
    const auto up = pattern(draw.below(200000));
    const auto down = pattern(draw.below(200000));
    std::string at_server;
    std::string at_client;
    std::optional<Result<void>> sent_up;
    std::optional<Result<void>> sent_down;
    std::optional<Result<std::size_t>> end_up;
    std::optional<Result<std::size_t>> end_down;
    loop_.spawn(send(*client_, scope_, up, 1 + draw.below(70000), true, sent_up));
    loop_.spawn(send(*server_, scope_, down, 1 + draw.below(70000), true, sent_down));
    loop_.spawn(receive(*server_, scope_, 1 + draw.below(40000), at_server, end_up));
    loop_.spawn(receive(*client_, scope_, 1 + draw.below(40000), at_client, end_down));
    loop_.run_to_end(10min);
    ASSERT_TRUE(end_up && end_down && sent_up && sent_down);
    EXPECT_EQ(at_server, up);
    EXPECT_EQ(at_client, down);
    EXPECT_EQ(**end_up, 0u);
    EXPECT_EQ(**end_down, 0u);
    EXPECT_TRUE(sent_up->has_value() && sent_down->has_value());
    client_.reset();
    server_.reset();
    EXPECT_EQ(Block::in_use(), 0u);
  }
}

TEST_F(TlsStreamTest, an_idle_connection_holds_no_block_even_while_it_reads) {
  open();
  TestRead read;
  TestRead other;
  ASSERT_FALSE(client_->start_read(read));  // Takes the session ticket in passing.
  ASSERT_FALSE(server_->start_read(other));
  run();
  EXPECT_EQ(read.ran, 0);
  EXPECT_EQ(read.prepared, 0) << "no bytes, so no buffer is asked for: a ticket is none";
  EXPECT_EQ(Block::in_use(), 0u);
  TestWrite write({"x"});
  ASSERT_TRUE(server_->start_write(write));
  run();
  EXPECT_EQ(read.ran, 1);
  EXPECT_EQ(read.text(), "x");
  EXPECT_EQ(Block::in_use(), 0u);
  server_->cancel_read(Error(ErrorCode::cancelled, Side::self, Stage::relay));
  run();
  EXPECT_EQ(other.ran, 1);
}

TEST_F(TlsStreamTest, a_head_and_a_small_body_are_one_record_and_one_write) {
  open();
  TestWrite write({"HTTP/1.1 200 OK\r\n", "content-length: 5\r\n", "\r\n", "", "hello"});
  ASSERT_TRUE(client_->start_write(write));
  EXPECT_EQ(counts_.writes, 1u);
  EXPECT_EQ(records_in(counts_.sent).size(), 1u);
  EXPECT_EQ(counts_.bytes, 17 + 19 + 2 + 5 + TlsEngine::kRecordOverhead);
}

TEST_F(TlsStreamTest, records_are_as_few_as_the_bytes_allow) {
  const auto count = [&](const std::vector<std::size_t>& sizes) {
    open();
    std::vector<std::string> pieces;
    for (const auto size : sizes) pieces.push_back(pattern(size));
    TestWrite write(pieces);
    EXPECT_TRUE(client_->start_write(write));
    EXPECT_EQ(counts_.writes, 1u);
    return records_in(counts_.sent).size();
  };
  EXPECT_EQ(count({16384}), 1u);
  EXPECT_EQ(count({16385}), 2u);
  EXPECT_EQ(count({200, 16184}), 1u);
  EXPECT_EQ(count({200, 16384}), 2u);
  EXPECT_EQ(count({16384, 200}), 2u);
  EXPECT_EQ(count({10000, 10000, 10000}), 2u);
  EXPECT_EQ(count({1, 1, 1, 16381}), 1u);
}

TEST_F(TlsStreamTest, a_large_write_goes_out_block_by_block) {
  NetworkConditions conditions;
  conditions.capacity = 16 * 1024 * 1024;
  open(conditions);
  const auto text = pattern(1 << 20);
  TestWrite write({text}, true);
  ASSERT_TRUE(client_->start_write(write));
  EXPECT_LE(counts_.writes, 17u) << "64 KiB each";
  EXPECT_EQ(Block::in_use(), 0u);
  std::string got;
  std::optional<Result<std::size_t>> end;
  loop_.spawn(receive(*server_, scope_, 16384, got, end));
  run();
  EXPECT_EQ(got, text);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(**end, 0u);
}

TEST_F(TlsStreamTest, the_end_fits_however_full_the_last_block_is) {
  // Around every size at which a block of ciphertext is just full.
  NetworkConditions conditions;
  conditions.capacity = 16 * 1024 * 1024;
  open(conditions);
  std::vector<std::byte> into(16384);
  for (const std::size_t full : {4096u, 16384u, 65536u, 131072u}) {
    for (std::size_t size = full - 200; size <= full; ++size) {
      TestWrite write({pattern(size)});
      ASSERT_TRUE(client_->start_write(write));
      ASSERT_TRUE(write.result.has_value()) << size;
      std::size_t got = 0;
      while (got < size) {
        TestRead read;
        ASSERT_TRUE(server_->start_read(read));
        ASSERT_TRUE(read.result.has_value());
        got += *read.result;
      }
    }
  }
  for (std::size_t size = 65536 - 190; size <= 65536 - 50; size += 2) {
    open(conditions);
    TestWrite write({pattern(size)}, true);
    ASSERT_TRUE(client_->start_write(write));
    ASSERT_TRUE(write.result.has_value()) << size;
  }
}

TEST_F(TlsStreamTest, nothing_to_write_writes_nothing) {
  open();
  TestWrite write({});
  EXPECT_TRUE(client_->start_write(write));
  EXPECT_TRUE(write.result.has_value());
  TestWrite empty({"", ""});
  EXPECT_TRUE(client_->start_write(empty));
  EXPECT_EQ(counts_.writes, 0u);
}

TEST_F(TlsStreamTest, a_write_waits_for_the_peer_to_read) {
  NetworkConditions conditions;
  conditions.capacity = 3000;
  open(conditions);
  TestWrite write({pattern(100000)});
  ASSERT_FALSE(client_->start_write(write));
  run();
  EXPECT_EQ(write.ran, 0);
  std::string got;
  std::optional<Result<std::size_t>> end;
  loop_.spawn(receive(*server_, scope_, 5000, got, end));
  run();
  EXPECT_EQ(write.ran, 1);
  EXPECT_TRUE(write.result.has_value());
  EXPECT_EQ(got.size(), 100000u);
  scope_.cancel(Error(ErrorCode::cancelled, Side::self, Stage::relay));
  run();
}

TEST_F(TlsStreamTest, each_half_closes_by_itself) {
  open();
  TestWrite last({"request"}, true);
  ASSERT_TRUE(client_->start_write(last));
  TestRead request;
  ASSERT_TRUE(server_->start_read(request));
  EXPECT_EQ(request.text(), "request");
  TestRead end;
  ASSERT_TRUE(server_->start_read(end));
  EXPECT_EQ(*end.result, 0u);
  TestWrite answer({"answer"}, true);
  ASSERT_TRUE(server_->start_write(answer));
  TestRead got;
  ASSERT_TRUE(client_->start_read(got));
  EXPECT_EQ(got.text(), "answer");
  TestRead last_end;
  ASSERT_TRUE(client_->start_read(last_end));
  EXPECT_EQ(*last_end.result, 0u);
}

TEST_F(TlsStreamTest, an_end_without_close_notify_is_a_truncation) {
  open();
  // The ticket is taken: bytes that nobody read would turn the FIN into a reset, as TCP does.
  ASSERT_FALSE(client_->has_pending_input());
  TestRead read;
  ASSERT_FALSE(server_->start_read(read));
  client_.reset();  // FIN, as a killed process sends it.
  run();
  ASSERT_EQ(read.ran, 1);
  ASSERT_FALSE(read.result.has_value());
  EXPECT_EQ(read.result.error().code, ErrorCode::tls_truncated);
  TestRead again;
  ASSERT_TRUE(server_->start_read(again));
  EXPECT_EQ(again.result.error().code, ErrorCode::tls_truncated);
}

TEST_F(TlsStreamTest, bytes_before_a_truncation_arrive_first) {
  open();
  ASSERT_FALSE(client_->has_pending_input());
  TestWrite write({"half a body"});
  ASSERT_TRUE(client_->start_write(write));
  client_.reset();
  TestRead read;
  ASSERT_TRUE(server_->start_read(read));
  EXPECT_EQ(read.text(), "half a body");
  TestRead end;
  ASSERT_TRUE(server_->start_read(end));
  EXPECT_EQ(end.result.error().code, ErrorCode::tls_truncated);
}

TEST_F(TlsStreamTest, a_cancelled_read_loses_nothing) {
  open();
  TestRead cancelled;
  ASSERT_FALSE(server_->start_read(cancelled));
  server_->cancel_read(Error(ErrorCode::idle_timeout, Side::self, Stage::receive));
  EXPECT_EQ(cancelled.ran, 0) << "through the loop";
  run();
  ASSERT_EQ(cancelled.ran, 1);
  EXPECT_EQ(cancelled.result.error().code, ErrorCode::idle_timeout);
  TestWrite write({"hello"});
  ASSERT_TRUE(client_->start_write(write));
  run();  // Arrives while nobody reads.
  TestRead read;
  ASSERT_TRUE(server_->start_read(read));
  EXPECT_EQ(read.text(), "hello");
  TestRead next;
  ASSERT_FALSE(server_->start_read(next));
  server_->cancel_read(Error(ErrorCode::cancelled, Side::self, Stage::receive));
  TestRead replaced;
  ASSERT_FALSE(server_->start_read(replaced)) << "while the cancelled one has not run yet";
  TestWrite more({"more"});
  ASSERT_TRUE(client_->start_write(more));
  run();
  EXPECT_EQ(next.ran, 1);
  EXPECT_EQ(replaced.text(), "more");
}

TEST_F(TlsStreamTest, a_cancelled_write_leaves_a_stream_that_only_fails) {
  NetworkConditions conditions;
  conditions.capacity = 1000;
  open(conditions);
  TestWrite write({pattern(50000)});
  ASSERT_FALSE(client_->start_write(write));
  client_->cancel_write(Error(ErrorCode::attempt_timeout, Side::self, Stage::send));
  run();
  ASSERT_EQ(write.ran, 1);
  EXPECT_EQ(write.result.error().code, ErrorCode::attempt_timeout);
  TestWrite next({"x"});
  ASSERT_TRUE(client_->start_write(next));
  EXPECT_EQ(next.result.error().code, ErrorCode::attempt_timeout);
}

TEST_F(TlsStreamTest, may_be_destroyed_while_the_lower_stream_still_works) {
  NetworkConditions conditions;
  conditions.capacity = 1000;
  open(conditions);
  TestRead read;
  TestWrite write({pattern(50000)});
  ASSERT_FALSE(client_->start_read(read));
  ASSERT_FALSE(client_->start_write(write));
  const Error why(ErrorCode::cancelled, Side::self, Stage::relay);
  client_->cancel_read(why);
  client_->cancel_write(why);
  client_.reset();
  run();
  EXPECT_EQ(read.ran, 1);
  EXPECT_EQ(write.ran, 1);
  EXPECT_EQ(Block::in_use(), 0u);
}

TEST_F(TlsStreamTest, a_ticket_is_no_pending_input_but_data_an_end_and_a_reset_are) {
  open();
  EXPECT_FALSE(client_->has_pending_input()) << "only a session ticket waits";
  EXPECT_FALSE(client_->has_pending_input());
  TestWrite write({"unexpected"});
  ASSERT_TRUE(server_->start_write(write));
  EXPECT_TRUE(client_->has_pending_input());
  EXPECT_TRUE(client_->has_pending_input()) << "looking consumes nothing";
  TestRead read;
  ASSERT_TRUE(client_->start_read(read));
  EXPECT_EQ(read.text(), "unexpected");
  EXPECT_FALSE(client_->has_pending_input());
  TestWrite end({}, true);
  ASSERT_TRUE(server_->start_write(end));
  EXPECT_TRUE(client_->has_pending_input());

  open();
  server_->reset();
  server_.reset();
  EXPECT_TRUE(client_->has_pending_input());
}

// As a pooled connection is looked at before it is used again.
TEST_F(TlsStreamTest, looks_for_input_below_a_read_that_waits) {
  open();
  TestRead read;
  ASSERT_FALSE(client_->start_read(read)) << "takes the ticket and waits";
  EXPECT_FALSE(client_->has_pending_input());
  run();
  EXPECT_EQ(read.ran, 0) << "it still waits";
  TestWrite write({"answer"});
  ASSERT_TRUE(server_->start_write(write));
  EXPECT_TRUE(client_->has_pending_input());
  run();
  ASSERT_EQ(read.ran, 1) << "what was found went to it";
  EXPECT_EQ(read.text(), "answer");

  TestRead last;
  ASSERT_FALSE(client_->start_read(last));
  EXPECT_FALSE(client_->has_pending_input());
  TestWrite end({}, true);
  ASSERT_TRUE(server_->start_write(end));
  EXPECT_TRUE(client_->has_pending_input());
  run();
  ASSERT_EQ(last.ran, 1);
  EXPECT_EQ(*last.result, 0u);
}

TEST_F(TlsStreamTest, a_reset_is_told_as_one) {
  open();
  TestRead read;
  ASSERT_FALSE(server_->start_read(read));
  client_->reset();
  client_.reset();
  run();
  ASSERT_EQ(read.ran, 1);
  ASSERT_FALSE(read.result.has_value());
  EXPECT_EQ(read.result.error().code, ErrorCode::upstream_reset);
  EXPECT_EQ(read.result.error().side, Side::downstream);
}

TEST_F(TlsStreamTest, the_servers_refusal_of_our_certificate_arrives_with_the_first_read) {
  const auto other = CertificateAuthority::create(kDomain, KeyType::ed25519, kStart);
  auto text = issue_text(other, kApi, kStart);
  text.bundle += ca_.certificate().to_pem();
  api_ = context_of(identity_of(text, kStart));
  connect();
  // A diagnosis becomes a note: the explain table in the sidecar, its length here.
  const auto length = [](std::string_view diagnosis) {
    return static_cast<std::uint32_t>(diagnosis.size());
  };
  client_->note_with(length);
  server_->note_with(length);
  loop_.spawn(shake(*client_, scope_, client_result_));
  loop_.spawn(shake(*server_, scope_, server_result_));
  run();
  ASSERT_TRUE(client_result_->has_value());
  ASSERT_FALSE(server_result_->has_value());
  EXPECT_EQ(server_result_->error().note, server_->report().diagnosis.size());
  EXPECT_EQ(server_result_->error().code, ErrorCode::tls_peer_untrusted);
  TestRead read;
  ASSERT_TRUE(client_->start_read(read));
  EXPECT_EQ(read.result.error().code, ErrorCode::tls_handshake_failed);
  EXPECT_EQ(read.result.error().retry, Retry::safe);
  EXPECT_NE(client_->report().diagnosis.find("refused our certificate"), std::string::npos);
  EXPECT_EQ(read.result.error().note, client_->report().diagnosis.size());
  TestWrite write({"x"});
  ASSERT_TRUE(client_->start_write(write));
  EXPECT_EQ(write.result.error().code, ErrorCode::tls_handshake_failed);
}

TEST_F(TlsStreamTest, a_handshake_ends_with_the_scope_and_says_how_far_it_came) {
  auto pair = test::make_stream_pair(loop_, loop_, random_);
  client_ = TlsStream::client(std::move(pair.a), api_, options());
  scope_.set_deadline(loop_.now() + 1s,
                      Error(ErrorCode::tls_timeout, Side::upstream, Stage::tls, Retry::safe));
  loop_.spawn(shake(*client_, scope_, client_result_));
  loop_.advance(1s - 1ns);
  EXPECT_FALSE(client_result_.has_value());
  EXPECT_EQ(Block::in_use(), 0u) << "a silent peer costs no buffer";
  loop_.advance(1ns);
  ASSERT_TRUE(client_result_.has_value());
  EXPECT_EQ(client_result_->error().code, ErrorCode::tls_timeout);
  EXPECT_NE(client_->report().diagnosis.find("0 bytes had come from the peer"), std::string::npos);
}

TEST_F(TlsStreamTest, a_peer_that_hangs_up_in_the_handshake_is_told) {
  auto pair = test::make_stream_pair(loop_, loop_, random_);
  server_ = TlsStream::server(std::move(pair.b), api2_);
  loop_.spawn(shake(*server_, scope_, server_result_));
  std::optional<Result<void>> sent;
  loop_.spawn(send(*pair.a, scope_, "\x16\x03\x01", 3, true, sent));
  run();
  ASSERT_TRUE(server_result_.has_value());
  EXPECT_EQ(server_result_->error().code, ErrorCode::tls_truncated);
  EXPECT_EQ(server_result_->error().side, Side::downstream);
  EXPECT_NE(server_->report().diagnosis.find("3 bytes"), std::string::npos);

  connect();
  server_->reset();
  server_.reset();
  client_result_.reset();
  loop_.spawn(shake(*client_, scope_, client_result_));
  run();
  ASSERT_TRUE(client_result_.has_value());
  EXPECT_EQ(client_result_->error().code, ErrorCode::upstream_reset);
  EXPECT_EQ(client_result_->error().retry, Retry::safe);
}

TEST_F(TlsStreamTest, request_bytes_that_follow_the_handshake_at_once_are_kept) {
  connect();
  std::optional<Result<void>> sent;
  const auto shake_and_send = [](TlsStream& stream, Scope& scope,
                                 std::optional<Result<void>>& result) -> Task<void> {
    result = co_await stream.handshake(scope);
    if (!result->has_value()) co_return;
    const ConstBytes bytes = as_bytes("early bird");
    const std::span<const ConstBytes> pieces(&bytes, 1);
    result = co_await write_all(stream, pieces, scope);
  };
  loop_.spawn(shake(*server_, scope_, server_result_));
  loop_.spawn(shake_and_send(*client_, scope_, sent));
  run();
  ASSERT_TRUE(sent && sent->has_value());
  ASSERT_TRUE(server_result_->has_value());
  TestRead read;
  ASSERT_TRUE(server_->start_read(read));
  EXPECT_EQ(read.text(), "early bird");
}

TEST_F(TlsStreamTest, small_reads_take_a_large_record_piece_by_piece) {
  open();
  const auto text = pattern(16384);
  TestWrite write({text});
  ASSERT_TRUE(client_->start_write(write));
  std::string got;
  while (got.size() < text.size()) {
    TestRead read(1000);
    ASSERT_TRUE(server_->start_read(read));
    got += read.text();
  }
  EXPECT_EQ(got, text);
  EXPECT_EQ(Block::in_use(), 0u);
}

}  // namespace
}  // namespace epaulet

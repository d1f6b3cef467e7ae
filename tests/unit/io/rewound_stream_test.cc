#include "io/rewound_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>

#include "io/ops.h"
#include "runtime/task.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet {
namespace {

using test::SimLoop;

Task<void> write(ByteStream& stream, std::string text, Scope& scope) {
  const std::array<ConstBytes, 1> bytes{as_bytes(text)};
  (void)co_await write_all(stream, bytes, scope);
}
Task<void> read(ByteStream& stream, std::size_t size, Scope& scope,
                std::optional<Result<std::string>>& out) {
  std::string buffer(size, '\0');
  auto memory = std::as_writable_bytes(std::span(buffer.data(), buffer.size()));
  const auto got = co_await read_some(stream, memory, scope);
  if (got) {
    out = buffer.substr(0, *got);
  } else {
    out = got.error();
  }
}

/// Says that it has a descriptor.
class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(StreamPtr lower) : lower_(std::move(lower)) {}
  bool start_read(ReadOp& op) override { return lower_->start_read(op); }
  void cancel_read(const Error& why) override { lower_->cancel_read(why); }
  bool start_write(WriteOp& op) override { return lower_->start_write(op); }
  void cancel_write(const Error& why) override { lower_->cancel_write(why); }
  void reset() override { lower_->reset(); }
  bool has_pending_input() override { return lower_->has_pending_input(); }
  const Info& info() const override { return lower_->info(); }
  Loop& loop() const override { return lower_->loop(); }
  int raw_socket() const override { return 42; }

 private:
  StreamPtr lower_;
};

class RewoundStreamTest : public testing::Test {
 protected:
  RewoundStreamTest() {
    auto pair = test::make_stream_pair(loop_, loop_, random_);
    stream_ = std::make_unique<RewoundStream>(std::make_unique<SocketStream>(std::move(pair.a)),
                                              as_bytes("first"));
    far_ = std::move(pair.b);
  }
  std::string read_now(std::size_t size) {
    std::optional<Result<std::string>> out;
    loop_.spawn(read(*stream_, size, scope_, out));
    EXPECT_TRUE(out && *out);
    return out && *out ? **out : "nothing";
  }

  SimLoop loop_;
  Random random_{1};
  Scope scope_{loop_};
  StreamPtr stream_;
  StreamPtr far_;
  std::optional<Result<std::string>> out_;
};

TEST_F(RewoundStreamTest, gives_the_first_bytes_again_then_the_rest) {
  loop_.spawn(write(*far_, " and rest", scope_));
  EXPECT_EQ(read_now(2), "fi");
  EXPECT_EQ(read_now(100), "rst");  // One read never mixes the two.
  EXPECT_EQ(read_now(100), " and rest");
}

TEST_F(RewoundStreamTest, waits_below_when_the_first_bytes_are_gone) {
  EXPECT_EQ(read_now(5), "first");
  loop_.spawn(read(*stream_, 10, scope_, out_));
  EXPECT_FALSE(out_);
  loop_.spawn(write(*far_, "x", scope_));
  loop_.run_until_quiet();
  EXPECT_EQ(out_->value(), "x");
}

TEST_F(RewoundStreamTest, cancels_the_read_below) {
  EXPECT_EQ(read_now(5), "first");
  loop_.spawn(read(*stream_, 10, scope_, out_));
  const Error why{ErrorCode::idle_timeout, Side::self, Stage::relay};
  scope_.cancel(why);
  loop_.run_until_quiet();
  ASSERT_TRUE(out_);
  EXPECT_EQ(out_->error(), why);
}

TEST_F(RewoundStreamTest, gives_its_descriptor_only_when_nothing_is_left_above_it) {
  EXPECT_EQ(stream_->raw_socket(), -1);
  EXPECT_TRUE(stream_->has_pending_input());
  EXPECT_EQ(read_now(4), "firs");
  EXPECT_EQ(stream_->raw_socket(), -1);
  EXPECT_EQ(read_now(4), "t");
  EXPECT_EQ(stream_->raw_socket(), 42);
  EXPECT_FALSE(stream_->has_pending_input());
  loop_.spawn(write(*far_, "x", scope_));
  EXPECT_TRUE(stream_->has_pending_input());
}

TEST_F(RewoundStreamTest, writes_and_resets_reach_the_lower_stream) {
  loop_.spawn(write(*stream_, "answer", scope_));
  std::optional<Result<std::string>> answer;
  loop_.spawn(read(*far_, 100, scope_, answer));
  EXPECT_EQ(answer->value(), "answer");
  EXPECT_EQ(&stream_->loop(), &loop_);
  EXPECT_EQ(stream_->info().peer, far_->info().local);

  stream_->reset();
  stream_.reset();
  std::optional<Result<std::string>> after;
  loop_.spawn(read(*far_, 100, scope_, after));
  loop_.run_until_quiet();
  ASSERT_TRUE(after);
  EXPECT_EQ(after->error().code, ErrorCode::upstream_reset);
}

}  // namespace
}  // namespace epaulet

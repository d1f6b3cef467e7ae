#include "io/reader.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "io/ops.h"
#include "runtime/task.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet {
namespace {

using test::SimLoop;

const Error kWhy{ErrorCode::request_timeout, Side::upstream, Stage::relay};

Task<void> write(ByteStream& stream, std::string text, Scope& scope, bool end) {
  const std::array<ConstBytes, 1> bytes{as_bytes(text)};
  (void)co_await write_all(stream, bytes, scope, end);
}
Task<void> fill(StreamReader& reader, Scope& scope, std::optional<Result<std::size_t>>& result) {
  result = co_await reader.fill(scope);
}

struct Observer final : StreamReader::Observer {
  int calls = 0;
  void on_input() override { ++calls; }
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

class StreamReaderTest : public testing::Test {
 protected:
  StreamReaderTest() {
    test::NetworkConditions conditions;
    conditions.capacity = 1024 * 1024;
    auto pair = test::make_stream_pair(loop_, loop_, random_, conditions);
    near_ = std::move(pair.a);
    far_ = std::move(pair.b);
    reader_.emplace(*near_);
  }
  ~StreamReaderTest() override {
    reader_.reset();
    near_.reset();
    far_.reset();
    EXPECT_EQ(Block::in_use(), 0U);
  }
  void send(std::string text, bool end = false) {
    loop_.spawn(write(*far_, std::move(text), scope_, end));
  }
  /// One fill, which must not have to wait.
  std::size_t fill_now() {
    std::optional<Result<std::size_t>> result;
    loop_.spawn(fill(*reader_, scope_, result));
    EXPECT_TRUE(result && *result);
    return result && *result ? **result : 0;
  }
  std::string_view buffered() { return as_text(reader_->buffered()); }

  SimLoop loop_;
  Random random_{1};
  Scope scope_{loop_};
  StreamPtr near_;
  StreamPtr far_;
  std::optional<StreamReader> reader_;
  std::optional<Result<std::size_t>> result_;
};

TEST_F(StreamReaderTest, fills_with_what_is_there_already) {
  send("hello");
  EXPECT_EQ(fill_now(), 5U);
  EXPECT_EQ(buffered(), "hello");
  send(" you");
  EXPECT_EQ(fill_now(), 4U);
  EXPECT_EQ(buffered(), "hello you");
}

TEST_F(StreamReaderTest, waits_for_what_is_not_there_and_holds_no_block_meanwhile) {
  loop_.spawn(fill(*reader_, scope_, result_));
  loop_.run_until_quiet();
  EXPECT_FALSE(result_);
  EXPECT_EQ(Block::in_use(), 0U);
  send("hello");
  EXPECT_FALSE(reader_->is_quiet());  // Bytes lie in our memory, announced to nobody yet.
  loop_.run_until_quiet();
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->value(), 5U);
  EXPECT_EQ(buffered(), "hello");
  EXPECT_EQ(Block::in_use(), 1U);
}

TEST_F(StreamReaderTest, gives_its_block_back_when_all_is_consumed) {
  send("hello");
  fill_now();
  EXPECT_FALSE(reader_->is_quiet());
  reader_->consume(2);
  EXPECT_EQ(buffered(), "llo");
  EXPECT_EQ(Block::in_use(), 1U);
  reader_->consume(3);
  EXPECT_EQ(buffered(), "");
  EXPECT_EQ(Block::in_use(), 0U);
  EXPECT_TRUE(reader_->is_quiet());
}

TEST_F(StreamReaderTest, consuming_more_than_there_is_is_a_broken_invariant) {
  send("hello");
  fill_now();
  EXPECT_DEATH(reader_->consume(6), "broken invariant");
}

TEST_F(StreamReaderTest, the_end_comes_behind_the_bytes_and_stays) {
  send("bye", true);
  EXPECT_EQ(fill_now(), 3U);
  EXPECT_FALSE(reader_->at_end());
  EXPECT_EQ(fill_now(), 0U);
  EXPECT_TRUE(reader_->at_end());
  EXPECT_EQ(buffered(), "bye");
  EXPECT_EQ(fill_now(), 0U);
  reader_->consume(3);
  EXPECT_FALSE(reader_->is_quiet());  // The end is news to whoever reuses the connection.
  EXPECT_FALSE(reader_->failed());
}

TEST_F(StreamReaderTest, a_failure_stays) {
  loop_.spawn(fill(*reader_, scope_, result_));
  far_->reset();
  far_.reset();
  loop_.run_until_quiet();
  ASSERT_TRUE(result_ && !*result_);
  EXPECT_EQ(result_->error().code, ErrorCode::upstream_reset);
  EXPECT_EQ(reader_->failed()->code, ErrorCode::upstream_reset);
  EXPECT_FALSE(reader_->is_quiet());
  result_.reset();
  loop_.spawn(fill(*reader_, scope_, result_));
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->error().code, ErrorCode::upstream_reset);
}

TEST_F(StreamReaderTest, a_cancelled_wait_loses_no_byte) {
  loop_.spawn(fill(*reader_, scope_, result_));
  Scope other(loop_);
  scope_.cancel(kWhy);
  loop_.run_until_quiet();
  ASSERT_TRUE(result_ && !*result_);
  EXPECT_EQ(result_->error(), kWhy);
  EXPECT_FALSE(reader_->failed());

  loop_.spawn(write(*far_, "late", other, false));
  loop_.run_until_quiet();
  EXPECT_EQ(buffered(), "late");  // The read had stayed pending.
}

TEST_F(StreamReaderTest, nobody_waits_within_a_cancelled_scope) {
  send("hello");
  scope_.cancel(kWhy);
  loop_.spawn(fill(*reader_, scope_, result_));
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->error(), kWhy);
  EXPECT_EQ(buffered(), "");
}

TEST_F(StreamReaderTest, a_destroyed_waiter_is_forgotten) {
  loop_.spawn(fill(*reader_, scope_, result_));
  loop_.end_tasks();
  send("hello");
  loop_.run_until_quiet();
  EXPECT_FALSE(result_);
  EXPECT_EQ(buffered(), "hello");
}

TEST_F(StreamReaderTest, may_be_destroyed_while_a_read_is_pending) {
  reader_->watch();
  reader_.reset();
  send("hello");
  EXPECT_TRUE(near_->has_pending_input());  // Not taken by anybody.
}

TEST_F(StreamReaderTest, may_be_destroyed_while_a_completed_read_waits_for_its_turn) {
  Observer observer;
  reader_->observe(&observer);
  reader_->watch();
  send("hello");
  reader_.reset();
  loop_.run_until_quiet();
  EXPECT_EQ(observer.calls, 0);
}

TEST_F(StreamReaderTest, tells_its_observer_what_nobody_waits_for) {
  Observer observer;
  reader_->observe(&observer);
  reader_->watch();
  reader_->watch();  // One read is pending, not two.
  loop_.run_until_quiet();
  EXPECT_EQ(observer.calls, 0);
  send("hello");
  EXPECT_EQ(observer.calls, 0);  // Through the loop.
  loop_.run_until_quiet();
  EXPECT_EQ(observer.calls, 1);
  EXPECT_EQ(buffered(), "hello");

  reader_->watch();
  send("", true);
  loop_.run_until_quiet();
  EXPECT_EQ(observer.calls, 2);
  EXPECT_TRUE(reader_->at_end());
  reader_->watch();  // Nothing comes after the end.
  EXPECT_FALSE(loop_.run_until_quiet());
}

TEST_F(StreamReaderTest, does_not_tell_its_observer_what_somebody_waits_for) {
  Observer observer;
  reader_->observe(&observer);
  loop_.spawn(fill(*reader_, scope_, result_));
  send("hello");
  loop_.run_until_quiet();
  EXPECT_TRUE(result_);
  EXPECT_EQ(observer.calls, 0);
}

TEST_F(StreamReaderTest, a_wait_joins_the_read_that_is_pending) {
  reader_->watch();
  loop_.spawn(fill(*reader_, scope_, result_));
  send("hello");
  loop_.run_until_quiet();
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->value(), 5U);
}

TEST_F(StreamReaderTest, one_read_takes_a_block_and_no_more) {
  const auto text = pattern(3 * limits::kBlockBytes);
  send(text);
  EXPECT_EQ(fill_now(), limits::kBlockBytes);
  reader_->consume(limits::kBlockBytes);
  EXPECT_EQ(fill_now(), limits::kBlockBytes);
  EXPECT_TRUE(buffered() ==
              std::string_view(text).substr(limits::kBlockBytes, limits::kBlockBytes));
}

TEST_F(StreamReaderTest, makes_room_by_moving_what_was_not_consumed_to_the_front) {
  const auto text = pattern(limits::kBlockBytes + 100);
  send(text);
  fill_now();
  reader_->consume(limits::kBlockBytes - 10);
  EXPECT_EQ(fill_now(), 100U);
  EXPECT_TRUE(buffered() == std::string_view(text).substr(limits::kBlockBytes - 10));
  EXPECT_EQ(Block::in_use(), 1U);
}

TEST_F(StreamReaderTest, a_full_block_takes_no_read) {
  send(pattern(limits::kBlockBytes + 1));
  fill_now();
  reader_->watch();
  EXPECT_EQ(reader_->buffered().size(), limits::kBlockBytes);
  EXPECT_TRUE(near_->has_pending_input());
  EXPECT_FALSE(reader_->at_end());  // A read into nothing would look like the end.
  EXPECT_DEATH((void)reader_->fill(scope_).await_ready(), "broken invariant: reader_.has_room");
}

TEST_F(StreamReaderTest, grows_to_what_was_reserved_and_keeps_the_bytes) {
  const auto text = pattern(limits::kLargeBlockBytes + 1);
  send(text);
  EXPECT_EQ(fill_now(), limits::kBlockBytes);
  reader_->reserve(limits::kLargeBlockBytes);
  EXPECT_EQ(fill_now(), limits::kLargeBlockBytes - limits::kBlockBytes);
  EXPECT_TRUE(buffered() == std::string_view(text).substr(0, limits::kLargeBlockBytes));
  EXPECT_EQ(Block::in_use(), 1U);
}

TEST_F(StreamReaderTest, a_small_reservation_takes_a_small_block) {
  reader_->reserve(limits::kSmallBlockBytes);
  send(pattern(limits::kBlockBytes));
  EXPECT_EQ(fill_now(), limits::kSmallBlockBytes);
}

TEST_F(StreamReaderTest, held_bytes_stay_where_they_are_while_more_is_read) {
  const auto text = pattern(limits::kBlockBytes + 100);
  send(text);
  fill_now();
  reader_->reserve(limits::kLargeBlockBytes);
  const auto view = buffered();
  reader_->hold();
  EXPECT_EQ(fill_now(), 100U);  // Into another block: the first is full.
  EXPECT_EQ(Block::in_use(), 2U);
  EXPECT_TRUE(view == std::string_view(text).substr(0, limits::kBlockBytes));
  EXPECT_TRUE(buffered() == text);
  reader_->consume(100);  // The view is no longer used.
  EXPECT_EQ(Block::in_use(), 1U);
  EXPECT_TRUE(buffered() == std::string_view(text).substr(100));
}

TEST_F(StreamReaderTest, bytes_are_held_until_the_next_consume) {
  send("hello");
  fill_now();
  reader_->hold();
  reader_->consume(5);
  EXPECT_EQ(Block::in_use(), 0U);
}

TEST_F(StreamReaderTest, held_bytes_behind_consumed_ones_are_not_moved_either) {
  const auto text = pattern(limits::kBlockBytes + 100);
  send(text);
  fill_now();
  reader_->consume(50);
  const auto view = buffered();
  reader_->hold();
  reader_->watch();  // The block's end is reached: without hold() this would move them.
  EXPECT_TRUE(view == std::string_view(text).substr(50, limits::kBlockBytes - 50));
  EXPECT_TRUE(buffered() == std::string_view(text).substr(50, limits::kBlockBytes));
  EXPECT_EQ(Block::in_use(), 2U);
}

/// Asks for memory like TLS, which may take it back when only a part of a record has come.
class HesitantStream final : public ByteStream {
 public:
  explicit HesitantStream(Loop& loop) : loop_(loop) {}
  bool start_read(ReadOp& op) override {
    EXPECT_EQ(op_, nullptr);  // At most one read is pending.
    op_ = &op;
    return false;
  }
  void cancel_read(const Error& why) override {
    if (op_ == nullptr) return;
    op_->result = why;
    loop_.ready(*std::exchange(op_, nullptr));
  }
  bool start_write(WriteOp&) override { return true; }
  void cancel_write(const Error&) override {}
  void reset() override {}
  bool has_pending_input() override { return false; }
  const Info& info() const override { return info_; }
  Loop& loop() const override { return loop_; }

  Bytes ask() { return op_->prepare(); }
  void take_back() { op_->unprepare(); }
  void complete(std::size_t bytes) {
    op_->result = bytes;
    loop_.ready(*std::exchange(op_, nullptr));
  }
  [[nodiscard]] bool reading() const { return op_ != nullptr; }

 private:
  Loop& loop_;
  Info info_;
  ReadOp* op_ = nullptr;
};

class HesitantReaderTest : public testing::Test {
 protected:
  SimLoop loop_;
  HesitantStream stream_{loop_};
  StreamReader reader_{stream_};
};

TEST_F(HesitantReaderTest, watching_twice_is_one_read) {
  reader_.watch();
  reader_.watch();
  EXPECT_TRUE(stream_.reading());
}

TEST_F(HesitantReaderTest, memory_that_was_not_used_goes_back) {
  reader_.watch();
  EXPECT_GT(stream_.ask().size(), 0U);
  EXPECT_EQ(Block::in_use(), 1U);
  EXPECT_FALSE(reader_.is_quiet());
  stream_.take_back();
  EXPECT_EQ(Block::in_use(), 0U);
  EXPECT_TRUE(reader_.is_quiet());
  const auto again = stream_.ask();
  again[0] = std::byte{'x'};
  stream_.complete(1);
  loop_.run_until_quiet();
  EXPECT_EQ(as_text(reader_.buffered()), "x");
}

TEST_F(HesitantReaderTest, memory_that_a_read_may_have_filled_is_not_given_away) {
  reader_.watch();
  auto memory = stream_.ask();
  std::memcpy(memory.data(), "ab", 2);
  stream_.complete(2);
  loop_.run_until_quiet();

  reader_.watch();
  memory = stream_.ask();
  std::memcpy(memory.data(), "cd", 2);
  stream_.complete(2);  // Its turn has not come yet,
  reader_.consume(2);   // and all that was announced is consumed.
  EXPECT_EQ(Block::in_use(), 1U);
  loop_.run_until_quiet();
  EXPECT_EQ(as_text(reader_.buffered()), "cd");
}

TEST_F(HesitantReaderTest, a_read_that_fails_lets_its_memory_go) {
  reader_.watch();
  (void)stream_.ask();
  stream_.cancel_read(kWhy);
  loop_.run_until_quiet();
  EXPECT_EQ(reader_.failed(), kWhy);
  EXPECT_EQ(Block::in_use(), 0U);
  reader_.watch();  // Nothing is read after a failure.
  EXPECT_FALSE(stream_.reading());
}

}  // namespace
}  // namespace epaulet

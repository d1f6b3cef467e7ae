#include "io/ops.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "io/socket_errors.h"
#include "runtime/task.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet {
namespace {

using test::SimLoop;

const Error kWhy{ErrorCode::idle_timeout, Side::self, Stage::relay};

Task<void> read(ByteStream& stream, Bytes memory, Scope& scope,
                std::optional<Result<std::size_t>>& result) {
  result = co_await read_some(stream, memory, scope);
}
Task<void> write(ByteStream& stream, std::string text, Scope& scope,
                 std::optional<Result<void>>& result) {
  const std::array<ConstBytes, 3> pieces{as_bytes(text).first(1), ConstBytes(),
                                         as_bytes(text).subspan(1)};
  result = co_await write_all(stream, pieces, scope);
}
Task<void> end(ByteStream& stream, Scope& scope, std::optional<Result<void>>& result) {
  result = co_await write_end(stream, scope);
}

class OpsTest : public testing::Test {
 protected:
  OpsTest() {
    test::NetworkConditions conditions;
    conditions.capacity = 8;
    auto pair = test::make_stream_pair(loop_, loop_, random_, conditions);
    near_ = std::move(pair.a);
    far_ = std::move(pair.b);
  }
  SimLoop loop_;
  Random random_{1};
  Scope scope_{loop_};
  StreamPtr near_;
  StreamPtr far_;
  std::array<std::byte, 6> memory_{};
  std::optional<Result<std::size_t>> read_;
  std::optional<Result<void>> written_;
};

TEST_F(OpsTest, a_write_ends_when_all_of_it_has_room) {
  loop_.spawn(write(*near_, "0123456789", scope_, written_));
  loop_.run_until_quiet();
  EXPECT_FALSE(written_);
  loop_.spawn(read(*far_, memory_, scope_, read_));
  EXPECT_EQ(read_->value(), 6U);
  EXPECT_EQ(as_text(memory_), "012345");
  loop_.run_until_quiet();
  ASSERT_TRUE(written_);
  EXPECT_TRUE(*written_);
  loop_.spawn(read(*far_, memory_, scope_, read_));
  EXPECT_EQ(as_text(memory_).substr(0, 4), "6789");
}

TEST_F(OpsTest, a_fin_is_read_as_nothing) {
  loop_.spawn(read(*far_, memory_, scope_, read_));
  EXPECT_FALSE(read_);
  loop_.spawn(end(*near_, scope_, written_));
  loop_.run_until_quiet();
  EXPECT_TRUE(*written_);
  EXPECT_EQ(read_->value(), 0U);
}

TEST_F(OpsTest, a_cancelled_scope_ends_a_read_and_a_write_with_its_reason) {
  loop_.spawn(read(*near_, memory_, scope_, read_));
  loop_.spawn(write(*near_, "0123456789", scope_, written_));
  EXPECT_FALSE(read_ || written_);
  scope_.cancel(kWhy);
  EXPECT_FALSE(read_ || written_);
  loop_.run_until_quiet();
  ASSERT_TRUE(read_ && written_);
  EXPECT_EQ(read_->error(), kWhy);
  EXPECT_EQ(written_->error(), kWhy);
}

TEST_F(OpsTest, a_cancelled_scope_begins_no_operation) {
  scope_.cancel(kWhy);
  loop_.spawn(read(*near_, memory_, scope_, read_));
  loop_.spawn(write(*near_, "x", scope_, written_));
  EXPECT_EQ(read_->error(), kWhy);
  EXPECT_EQ(written_->error(), kWhy);
  EXPECT_FALSE(far_->has_pending_input());
}

TEST_F(OpsTest, a_destroyed_waiter_is_forgotten_by_the_stream) {
  loop_.spawn(read(*near_, memory_, scope_, read_));
  loop_.spawn(write(*near_, "0123456789", scope_, written_));
  loop_.end_tasks();
  EXPECT_FALSE(loop_.run_until_quiet());
  Scope other(loop_);
  std::optional<Result<void>> sent;
  loop_.spawn(write(*far_, "x", other, sent));
  loop_.run_until_quiet();
  EXPECT_TRUE(*sent);
  EXPECT_FALSE(read_);
  EXPECT_TRUE(near_->has_pending_input());
}

TEST(SocketErrors, a_lost_connection_is_told_from_another_failure) {
  for (const int number : {ECONNRESET, EPIPE, ECONNABORTED, ENOTCONN}) {
    const auto error = transfer_error(number, Stage::send);
    EXPECT_EQ(error.code, ErrorCode::upstream_reset) << number;
    EXPECT_EQ(error.stage, Stage::send);
    EXPECT_EQ(error.detail, number);
    EXPECT_EQ(error.retry, Retry::if_idempotent);  // Never safe: bytes may have been written.
  }
  EXPECT_EQ(transfer_error(ETIMEDOUT, Stage::receive).code, ErrorCode::io_failed);
  EXPECT_EQ(transfer_error(EIO, Stage::receive).detail, EIO);
  EXPECT_EQ(transfer_error(EIO, Stage::receive).retry, Retry::if_idempotent);
}

TEST(SocketErrors, a_connection_that_was_not_made_is_safe_to_try_again) {
  const std::pair<int, ErrorCode> expected[] = {
      {ECONNREFUSED, ErrorCode::connect_refused},
      {ENETUNREACH, ErrorCode::connect_unreachable},
      {EHOSTUNREACH, ErrorCode::connect_unreachable},
      {EADDRNOTAVAIL, ErrorCode::connect_unreachable},
      {EACCES, ErrorCode::connect_unreachable},
      {EAFNOSUPPORT, ErrorCode::connect_unreachable},
      {ETIMEDOUT, ErrorCode::connect_timeout},
      {EMFILE, ErrorCode::descriptors_exhausted},
      {ENFILE, ErrorCode::descriptors_exhausted},
      {ENOBUFS, ErrorCode::memory_exhausted},
      {ENOMEM, ErrorCode::memory_exhausted},
      {ECONNRESET, ErrorCode::connect_failed},
  };
  for (const auto& [number, code] : expected) {
    const auto error = connect_error(number);
    EXPECT_EQ(error, Error(code, Side::upstream, Stage::connect, Retry::safe, number)) << number;
  }
}

TEST(SocketErrors, an_accept_tells_what_has_run_out) {
  EXPECT_EQ(accept_error(EMFILE).code, ErrorCode::descriptors_exhausted);
  EXPECT_EQ(accept_error(ENFILE).code, ErrorCode::descriptors_exhausted);
  EXPECT_EQ(accept_error(ENOBUFS).code, ErrorCode::memory_exhausted);
  EXPECT_EQ(accept_error(ENOMEM).code, ErrorCode::memory_exhausted);
  EXPECT_EQ(accept_error(EINVAL),
            Error(ErrorCode::io_failed, Side::self, Stage::accept, Retry::never, EINVAL));
}

}  // namespace
}  // namespace epaulet

#include "tls/stream.h"

#include <algorithm>

#include "base/assert.h"
#include "io/ops.h"

namespace epaulet {
namespace {

/// A record shorter than this, with more to come, is not begun at the end of a block.
constexpr std::size_t kScrapBytes = 4 * limits::kKiB;

/// Room that each block keeps for what OpenSSL adds by itself: the answer to a key update,
/// close_notify.
constexpr std::size_t kControlBytes = 64;

}  // namespace

std::unique_ptr<TlsStream> TlsStream::server(StreamPtr lower,
                                             std::shared_ptr<const TlsContext> context) {
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(lower), std::move(context)));
}

std::unique_ptr<TlsStream> TlsStream::client(StreamPtr lower,
                                             std::shared_ptr<const TlsContext> context,
                                             const TlsClientOptions& options) {
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(lower), std::move(context), options));
}

TlsStream::TlsStream(StreamPtr lower, std::shared_ptr<const TlsContext> context)
    : lower_(std::move(lower)), engine_(std::move(context)) {}

TlsStream::TlsStream(StreamPtr lower, std::shared_ptr<const TlsContext> context,
                     const TlsClientOptions& options)
    : lower_(std::move(lower)), engine_(std::move(context), options, lower_->loop().wall_now()) {}

TlsStream::~TlsStream() {
  EPAULET_ASSERT(reading_ == nullptr && writing_ == nullptr);
  const Error gone(ErrorCode::cancelled, Side::self, Stage::tls);
  if (lower_reading_) lower_->cancel_read(gone);
  if (lower_writing_) lower_->cancel_write(gone);
}

Error TlsStream::with_side(Error error, Retry retry) const {
  error.side = engine_.is_server() ? Side::downstream : Side::upstream;
  if (!engine_.is_server()) error.retry = retry;
  return error;
}

// Handshake.

/// `co_await Arrival`: until the lower stream gave something: bytes, its end or an error.
class TlsStream::Arrival final : private Cancellable {
 public:
  Arrival(TlsStream& stream, Scope& scope) : stream_(stream), scope_(scope) {}
  ~Arrival() { stream_.arrival_ = nullptr; }

  bool await_ready() {
    if (scope_.cancelled()) {
      stream_.lower_failed_ = *scope_.cancelled();
      return true;
    }
    return stream_.start_lower_read();
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    stream_.arrival_ = this;
    scope_.add(*this);
  }
  void await_resume() {}
  void arrived() {
    Cancellable::unlink();
    waiter_.resume();
  }

 private:
  void on_cancel(const Error& why) override { stream_.lower_->cancel_read(why); }

  TlsStream& stream_;
  Scope& scope_;
  std::coroutine_handle<> waiter_;
};

Task<Result<void>> TlsStream::handshake(Scope& scope) {
  for (;;) {
    const auto step = engine_.handshake(loop().wall_now());
    release_input();
    if (engine_.has_output()) {
      in_flight_ = engine_.take_output();
      lower_buffer_ = in_flight_.bytes();
      const std::span<const ConstBytes> pieces(&lower_buffer_, 1);
      const auto written = co_await write_all(*lower_, pieces, scope);
      in_flight_ = {};
      if (!written && step != TlsEngine::Step::failed) {
        engine_.interrupted(with_side(written.error(), Retry::safe));
        co_return engine_.error();
      }
    }
    if (step == TlsEngine::Step::done) co_return Result<void>();
    if (step == TlsEngine::Step::failed) co_return engine_.error();
    co_await Arrival(*this, scope);
    if (lower_ended_ && engine_.unread().empty()) {
      engine_.interrupted(
          with_side(Error(ErrorCode::tls_truncated, Side::self, Stage::tls), Retry::safe));
      co_return engine_.error();
    }
    if (lower_failed_) {
      engine_.interrupted(with_side(*lower_failed_, Retry::safe));
      co_return engine_.error();
    }
  }
}

// Reading.

Bytes TlsStream::make_room() {
  if (!ciphertext_) {
    ciphertext_ = Block::allocate(reads_in_bulk_ ? limits::kLargeBlockBytes : limits::kBlockBytes);
  }
  return ciphertext_.span();
}

/// True: completed. The result is taken.
bool TlsStream::start_lower_read() {
  EPAULET_ASSERT(!lower_reading_ && engine_.unread().empty());
  if (!lower_->start_read(lower_read_)) {
    // The lower stream may have asked for room in vain. It asks again when bytes are there.
    ciphertext_.reset();
    lower_reading_ = true;
    return false;
  }
  take_lower_result();
  return true;
}

void TlsStream::take_lower_result() {
  if (!lower_read_.result) {
    lower_failed_ = lower_read_.result.error();
  } else if (*lower_read_.result == 0) {
    lower_ended_ = true;
  } else {
    const std::size_t got = *lower_read_.result;
    engine_.feed(ConstBytes(ciphertext_.span()).first(got));
    // A block that was filled says that more waits; larger ones then save system calls.
    reads_in_bulk_ = got >= limits::kBlockBytes;
    return;
  }
  ciphertext_.reset();
}

void TlsStream::release_input() {
  if (engine_.unread().empty() && !lower_reading_) ciphertext_.reset();
}

void TlsStream::on_lower_read() {
  lower_reading_ = false;
  take_lower_result();
  if (arrival_ != nullptr) return std::exchange(arrival_, nullptr)->arrived();
  if (reading_ == nullptr) return;  // Cancelled meanwhile: a later read finds it.
  if (!pump_read()) return;
  // Last: the owner may destroy this stream.
  std::exchange(reading_, nullptr)->run();
}

bool TlsStream::start_read(ReadOp& op) {
  EPAULET_ASSERT(reading_ == nullptr && engine_.handshake_is_over());
  reading_ = &op;
  target_ = {};
  if (!pump_read()) return false;
  reading_ = nullptr;
  return true;
}

void TlsStream::cancel_read(const Error& why) {
  if (reading_ == nullptr) return;
  // The lower read stays: what it brings is kept for a later read.
  ReadOp& op = *std::exchange(reading_, nullptr);
  op.result = why;
  loop().ready(op);
}

/// True: the pending read has its result.
bool TlsStream::pump_read() {
  for (;;) {
    if (decrypt()) {
      release_input();
      if (engine_.has_output()) send_control();
      return true;
    }
    release_input();
    if (engine_.has_output()) send_control();
    if (lower_failed_) {
      reading_->result = with_side(*lower_failed_, lower_failed_->retry);
      return true;
    }
    if (lower_ended_) {
      reading_->result =
          with_side(Error(ErrorCode::tls_truncated, Side::self, Stage::tls), Retry::if_idempotent);
      return true;
    }
    if (lower_reading_ || !start_lower_read()) return false;
  }
}

/// Fills the pending read from what the engine has. False: it needs more ciphertext.
bool TlsStream::decrypt() {
  auto step = engine_.peek();
  std::size_t bytes = 0;
  if (step == TlsEngine::Step::done) {
    if (target_.empty()) target_ = reading_->prepare();
    while (bytes < target_.size() && (bytes == 0 || !engine_.is_drained())) {
      const auto read = engine_.read(target_.subspan(bytes));
      step = read.step;
      if (step != TlsEngine::Step::done) break;
      bytes += read.bytes;
    }
  }
  if (bytes > 0) {
    reading_->result = bytes;  // An end or a failure behind them shows with the next read.
    return true;
  }
  switch (step) {
    case TlsEngine::Step::closed:
      reading_->result = std::size_t{0};
      return true;
    case TlsEngine::Step::failed:
      reading_->result = engine_.error();
      return true;
    case TlsEngine::Step::done:
    case TlsEngine::Step::want_input:
      break;
  }
  return false;
}

/// The lower read that waits, taken back; or its result, if that is there and its turn in the loop
/// has not come.
void TlsStream::settle_lower_read() {
  lower_reading_ = false;
  if (lower_read_.linked()) {
    lower_read_.unlink();
    return take_lower_result();
  }
  lower_->cancel_read(Error(ErrorCode::cancelled, Side::self, Stage::tls));
  lower_read_.unlink();
}

bool TlsStream::look_inside() {
  while (!lower_ended_ && !lower_failed_) {
    const auto step = engine_.peek();
    release_input();
    if (engine_.has_output()) send_control();
    if (step != TlsEngine::Step::want_input) return true;
    // Ciphertext need not be input: a session ticket is not. So look inside.
    if (lower_reading_ && lower_read_.linked()) {
      settle_lower_read();
      continue;
    }
    if (!lower_->has_pending_input()) return false;
    if (lower_reading_) settle_lower_read();
    if (!start_lower_read()) return true;
  }
  return true;
}

bool TlsStream::has_pending_input() {
  const bool found = look_inside();
  // A read that was waiting goes on, or has what it waited for.
  if (reading_ != nullptr && pump_read()) loop().ready(*std::exchange(reading_, nullptr));
  return found;
}

// Writing.

bool TlsStream::start_write(WriteOp& op) {
  EPAULET_ASSERT(writing_ == nullptr && engine_.handshake_is_over());
  EPAULET_ASSERT(op.buffers.size() <= WriteOp::kBuffersMax);
  writing_ = &op;
  unsent_ = Unsent(op.buffers);
  write_is_encrypted_ = false;
  if (!pump_write()) return false;
  writing_ = nullptr;
  return true;
}

void TlsStream::cancel_write(const Error& why) {
  if (writing_ == nullptr) return;
  // Part of a record may be on its way: after this the stream can only be closed.
  write_failed_ = why;
  WriteOp& op = *std::exchange(writing_, nullptr);
  op.result = why;
  loop().ready(op);
}

/// True: the pending write has its result.
bool TlsStream::pump_write() {
  for (;;) {
    if (write_failed_) {
      writing_->result = *write_failed_;
      return true;
    }
    if (lower_writing_) return false;
    if (write_is_encrypted_) {
      writing_->result = Result<void>();
      return true;
    }
    if (!encrypt()) {
      writing_->result = engine_.error();
      return true;
    }
    const bool end = write_is_encrypted_ && writing_->end;
    if ((engine_.has_output() || end) && !start_lower_write(end)) return false;
  }
}

/// Encrypts as much of the pending write as one block takes. False: the engine failed.
bool TlsStream::encrypt() {
  engine_.reserve_output(
      std::min(unsent_.bytes() + unsent_.records() * TlsEngine::kRecordOverhead + kControlBytes,
               limits::kLargeBlockBytes));
  while (!unsent_.empty()) {
    const std::size_t room = engine_.output_room();
    if (room <= TlsEngine::kRecordOverhead + kControlBytes) return true;
    // A scrap of a record is not worth its overhead: it waits for the next block.
    const std::size_t fits = room - TlsEngine::kRecordOverhead - kControlBytes;
    if (fits < std::min(unsent_.bytes(), kScrapBytes)) return true;
    const auto record = unsent_.next_record(std::min(fits, TlsEngine::kRecordBytesMax));
    if (engine_.write(record) != TlsEngine::Step::done) return false;
    unsent_.skip(record.size());
  }
  if (writing_->end && engine_.close_write() != TlsEngine::Step::done) return false;
  write_is_encrypted_ = true;
  return true;
}

/// True: completed. Its result is taken.
bool TlsStream::start_lower_write(bool end) {
  in_flight_ = engine_.take_output();
  lower_buffer_ = in_flight_.bytes();
  lower_write_.buffers = std::span<const ConstBytes>(&lower_buffer_, 1);
  lower_write_.end = end;
  lower_write_ended_ = lower_write_ended_ || end;
  if (!lower_->start_write(lower_write_)) {
    lower_writing_ = true;
    return false;
  }
  in_flight_ = {};
  if (!lower_write_.result)
    write_failed_ = with_side(lower_write_.result.error(), lower_write_.result.error().retry);
  return true;
}

/// Answers to key updates, and alerts. Those after our end have nobody to read them.
void TlsStream::send_control() {
  if (lower_write_ended_ || write_failed_) {
    (void)engine_.take_output();
    return;
  }
  if (!lower_writing_) (void)start_lower_write(false);
}

void TlsStream::on_lower_write() {
  lower_writing_ = false;
  in_flight_ = {};
  if (!lower_write_.result && !write_failed_) {
    write_failed_ = with_side(lower_write_.result.error(), lower_write_.result.error().retry);
  }
  if (writing_ != nullptr) {
    if (!pump_write()) return;
    // Last: the owner may destroy this stream.
    return std::exchange(writing_, nullptr)->run();
  }
  if (engine_.has_output()) send_control();
}

}  // namespace epaulet

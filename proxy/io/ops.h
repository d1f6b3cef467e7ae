#pragma once

#include <array>
#include <coroutine>
#include <utility>

#include "io/stream.h"
#include "runtime/scope.h"

namespace epaulet {

/// `co_await read_some(stream, buffer, scope)`: bytes read, 0 at the end of the stream, or the
/// scope's error.
class ReadSome final : public ReadOp, private Cancellable {
 public:
  ReadSome(ByteStream& stream, Bytes buffer, Scope& scope)
      : stream_(stream), buffer_(buffer), scope_(scope) {}
  /// The frame that waits may be destroyed (Loop::destroy_spawned): the stream forgets the read.
  ~ReadSome() {
    if (waiter_) stream_.cancel_read(Error(ErrorCode::cancelled, Side::self, Stage::none));
  }

  bool await_ready() {
    if (scope_.cancelled()) {
      result = *scope_.cancelled();
      return true;
    }
    return stream_.start_read(*this);
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    scope_.add(*this);
  }
  Result<std::size_t> await_resume() { return result; }

  Bytes prepare() override { return buffer_; }
  void run() override {
    Cancellable::unlink();
    std::exchange(waiter_, {}).resume();
  }

 private:
  void on_cancel(const Error& why) override { stream_.cancel_read(why); }

  ByteStream& stream_;
  Bytes buffer_;
  Scope& scope_;
  std::coroutine_handle<> waiter_;
};
[[nodiscard]] inline ReadSome read_some(ByteStream& stream, Bytes buffer, Scope& scope) {
  return ReadSome(stream, buffer, scope);
}

/// `co_await write_all(stream, buffers, scope)`: all of it is written, or an error. `end`: then our
/// FIN.
class WriteAll final : public WriteOp, private Cancellable {
 public:
  WriteAll(ByteStream& stream, std::span<const ConstBytes> buffers_, Scope& scope, bool end_)
      : stream_(stream), scope_(scope) {
    buffers = buffers_;
    end = end_;
  }
  ~WriteAll() {
    if (waiter_) stream_.cancel_write(Error(ErrorCode::cancelled, Side::self, Stage::none));
  }

  bool await_ready() {
    if (scope_.cancelled()) {
      result = *scope_.cancelled();
      return true;
    }
    return stream_.start_write(*this);
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    scope_.add(*this);
  }
  Result<void> await_resume() { return result; }

  void run() override {
    Cancellable::unlink();
    std::exchange(waiter_, {}).resume();
  }

 private:
  void on_cancel(const Error& why) override { stream_.cancel_write(why); }

  ByteStream& stream_;
  Scope& scope_;
  std::coroutine_handle<> waiter_;
};
[[nodiscard]] inline WriteAll write_all(ByteStream& stream, std::span<const ConstBytes> buffers,
                                        Scope& scope, bool end = false) {
  return WriteAll(stream, buffers, scope, end);
}
/// Our FIN, after all that was written.
[[nodiscard]] inline WriteAll write_end(ByteStream& stream, Scope& scope) {
  return WriteAll(stream, {}, scope, true);
}

}  // namespace epaulet

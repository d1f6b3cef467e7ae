#pragma once

#include "http/body.h"
#include "http/message.h"
#include "http/stream.h"
#include "io/block.h"
#include "io/stream.h"

namespace epaulet::http::http1 {

/// Sends one message: the head waits in a block until the first piece of the body is there or
/// flush() is asked for, so that a small message is one write.
class BodyWriter final : public MessageWriter {
 public:
  /// `side`: who receives; decides the error codes. The stream outlives this.
  BodyWriter(ByteStream& stream, Side side) : stream_(stream), side_(side) {}

  /// Room for a serialised head of `bytes`; the caller fills all of it.
  [[nodiscard]] Bytes begin(std::size_t head_bytes, Framing::Kind kind);

  /// Sends what waits. Nothing waits: no call.
  Task<Result<void>> flush(Scope& scope) override;
  [[nodiscard]] bool has_pending() const override { return pending_ > 0; }

  Task<Result<void>> push(Chunk chunk, Scope& scope) override;
  void abort(const Error& why) override;

  /// The whole message was written.
  [[nodiscard]] bool complete() const override { return complete_; }
  /// Some byte of the message was handed to the transport.
  [[nodiscard]] bool wrote_anything() const override { return wrote_; }
  [[nodiscard]] bool aborted() const { return aborted_; }
  /// A write failed or was given up: the receiver may have a part of it, and can be told nothing
  /// more, of this message or another.
  [[nodiscard]] bool broken() const override { return broken_; }
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

 private:
  [[nodiscard]] Error failed(const Error& error);

  ByteStream& stream_;
  Side side_;
  Block head_;
  std::size_t pending_ = 0;
  Framing::Kind kind_ = Framing::Kind::none;
  std::uint64_t bytes_ = 0;
  bool complete_ = false;
  bool wrote_ = false;
  bool aborted_ = false;
  bool broken_ = false;
};

}  // namespace epaulet::http::http1

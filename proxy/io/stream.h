#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/result.h"
#include "runtime/loop.h"
#include "runtime/ready.h"

namespace epaulet {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

[[nodiscard]] inline ConstBytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view as_text(ConstBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A read that its owner started on a stream. Lives until it completed or was cancelled and
/// completed. run() (from ReadyItem) is called through the loop on completion, never from inside
/// start_read().
class ReadOp : public ReadyItem {
 public:
  /// Memory to fill, asked for only when bytes are there, so that an idle connection holds no
  /// buffer. At least one byte; must stay valid until completion.
  virtual Bytes prepare() = 0;
  /// The memory was not used after all: it will be asked for again.
  virtual void unprepare() {}
  /// Bytes read; 0 is the end of the stream (the peer's FIN).
  Result<std::size_t> result = std::size_t{0};

 protected:
  ~ReadOp() = default;
};

/// A write of all of `buffers`, in order, then, if `end` is set, of our FIN (and close_notify below
/// TLS).
class WriteOp : public ReadyItem {
 public:
  static constexpr std::size_t kBuffersMax = 16;
  std::span<const ConstBytes>
      buffers;  ///< At most kBuffersMax; the bytes stay valid until completion.
  bool end = false;
  Result<void> result;

 protected:
  ~WriteOp() = default;
};

/// A reliable, ordered, two-way byte stream: TCP, TLS above it, or the memory network of the tests.
/// At most one read and one write are pending at a time. Errors carry no side: the owner knows
/// which it is and sets it (`Error::side`). Codes: end of stream is a read of 0 bytes;
/// `upstream_reset` for ECONNRESET and EPIPE; `io_failed` with errno otherwise; TLS adds its own.
/// Destroying the stream closes it: pending operations must have completed or been cancelled
/// before.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// True: completed before returning, `op.result` is set and run() will not be called.
  [[nodiscard]] virtual bool start_read(ReadOp& op) = 0;
  /// The pending read, if any, completes with `why` through the loop. Bytes are not lost: a later
  /// read gets them.
  virtual void cancel_read(const Error& why) = 0;
  [[nodiscard]] virtual bool start_write(WriteOp& op) = 0;
  /// The pending write, if any, completes with `why`. How much was written is unknown: the stream
  /// is of no more use than to be reset.
  virtual void cancel_write(const Error& why) = 0;

  /// Closes so that the peer sees a reset (RST) where the transport can.
  virtual void reset() = 0;

  /// True if the peer's FIN, a reset or unexpected bytes already wait: looked at without consuming,
  /// before a pooled connection is used again. One system call on TCP. A read that is pending stays
  /// so, or completes with what was found.
  [[nodiscard]] virtual bool has_pending_input() = 0;

  struct Info {
    SocketAddress local;
    SocketAddress peer;
    /// The address that was dialled before interception, where the transport knows it by itself
    /// (memory network).
    std::optional<SocketAddress> original_destination;
  };
  [[nodiscard]] virtual const Info& info() const = 0;
  [[nodiscard]] virtual Loop& loop() const = 0;

  /// The descriptor below if nothing is buffered above it (for splice, sockmap, kTLS); -1 if there
  /// is none.
  [[nodiscard]] virtual int raw_socket() const { return -1; }
};

using StreamPtr = std::unique_ptr<ByteStream>;

}  // namespace epaulet

#pragma once

#include <optional>

#include "http/http2/arrived_pieces.h"
#include "http/http2/connection.h"
#include "http/http2/leaving_message.h"

namespace epaulet::http::http2 {

class WindowOpener;

/// A stream of HTTP/2 as a byte stream, where extended CONNECT has made it one (RFC 8441 section
/// 5): DATA are its bytes, END_STREAM is a FIN, RST_STREAM a reset. Reading opens the stream's
/// window, and what is written waits for the peer's.
class StreamBytes final : public ByteStream, private ReadyItem {
 public:
  /// All outlive this.
  StreamBytes(Connection& connection, WindowOpener& window, MessageSender& sender)
      : connection_(connection), window_(window), sender_(sender) {}
  ~StreamBytes() override = default;

  bool start_read(ReadOp& op) override;
  void cancel_read(const Error& why) override;
  bool start_write(WriteOp& op) override;
  void cancel_write(const Error& why) override;
  void reset() override;
  bool has_pending_input() override { return !pieces_.empty() || ended_ || failed_; }
  [[nodiscard]] const Info& info() const override { return connection_.info(); }
  [[nodiscard]] Loop& loop() const override { return connection_.loop(); }

  // For the stream.

  /// What came before anybody switched.
  void begin_with(ArrivedPieces pieces) { pieces_ = std::move(pieces); }
  void add(ConstBytes data);
  void end();
  /// A write was given up in its midst: what the peer has is a part of something.
  [[nodiscard]] bool was_cut() const { return was_cut_; }
  void fail(const Error& why);
  [[nodiscard]] StreamEvents::Outgoing outgoing() const;
  void taken(std::size_t bytes);
  void end_sent();

 private:
  [[nodiscard]] bool read_into(ReadOp& op);
  void tell_reader();
  void finish_write(const Result<void>& result);
  void run() override;

  Connection& connection_;
  WindowOpener& window_;
  MessageSender& sender_;
  ArrivedPieces pieces_;
  bool ended_ = false;
  std::optional<Error> failed_;
  ReadOp* read_ = nullptr;
  WriteOp* write_ = nullptr;
  std::size_t buffer_ = 0;  ///< Of `write_`: the first that is not all taken,
  std::size_t offset_ = 0;  ///< and how much of it is.
  bool was_cut_ = false;
};

}  // namespace epaulet::http::http2

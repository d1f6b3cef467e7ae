#pragma once

#include <optional>
#include <string>

#include "http/http2/arrived_pieces.h"
#include "http/http2/session.h"
#include "http/stream.h"
#include "runtime/event.h"

namespace epaulet::http::http2 {

class StreamBytes;

/// Opens a stream's window again.
class WindowOpener {
 public:
  virtual void open_window(std::size_t bytes) = 0;

 protected:
  ~WindowOpener() = default;
};

/// What of a stream's body has arrived and was not read: at most the stream's window. Pulling opens
/// the window again, so who does not pull holds the sender of this stream back, and nobody else.
class ArrivedBody final : public MessageReader {
 public:
  /// `window` outlives this.
  ArrivedBody(Loop& loop, WindowOpener& window) : window_(window), news_(loop) {}

  Task<Result<Chunk>> pull(Scope& scope) override;
  [[nodiscard]] bool ready() const override { return news_.is_set(); }
  void abort(const Error&) override {}
  [[nodiscard]] bool complete() const override { return complete_; }
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }
  void finish() override { release(); }

  // For the stream.

  void add(ConstBytes data);
  void add_trailers(std::string_view lines) { trailers_ = lines; }
  void end();
  void fail(const Error& why);
  [[nodiscard]] bool ended() const { return ended_; }
  /// What is here of it, its end included, goes on as bytes. No more pulls.
  void move_to(StreamBytes& bytes);

 private:
  void release();
  void tell();

  WindowOpener& window_;
  Event news_;  ///< Set while pull() would not wait.
  ArrivedPieces pieces_;
  bool lent_ = false;  ///< The first piece is in the reader's hands.
  PooledString trailers_;
  std::uint64_t bytes_ = 0;
  bool ended_ = false;
  bool complete_ = false;
  std::optional<Error> error_;
};

}  // namespace epaulet::http::http2

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/listener.h"
#include "io/ops.h"
#include "message_reader.h"
#include "runtime/task.h"

namespace epaulet::sim {

/// A scripted end of a connection: what a test client or a test app does with one stream.
class Peer {
 public:
  Peer(StreamPtr stream, Scope& scope, MessageReader::Kind reads)
      : reader(reads), stream_(std::move(stream)), scope_(scope) {}

  /// False: the peer's FIN, or a failure. ended() and failed() say which.
  Task<bool> read_more();
  /// Until so much was heard. False: there is less.
  Task<bool> read_at_least(std::size_t bytes);
  Task<bool> write(std::string bytes);
  /// Our FIN.
  Task<bool> finish();
  /// Closes; pending operations must have ended.
  void close() { stream_.reset(); }
  void reset() {
    if (stream_) stream_->reset();
    stream_.reset();
  }
  /// Reads until the message is complete (or, with `head_only`, its head). False: it never will be.
  Task<bool> read_message(bool head_only = false);

  /// Nothing of it is used here any more.
  [[nodiscard]] StreamPtr release() { return std::move(stream_); }

  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool open() const { return stream_ != nullptr; }
  [[nodiscard]] Scope& scope() { return scope_; }
  [[nodiscard]] ByteStream& stream() { return *stream_; }

  MessageReader reader;

 private:
  StreamPtr stream_;
  Scope& scope_;
  std::array<std::byte, 16 * 1024> buffer_;
  bool ended_ = false;
  bool failed_ = false;
};

/// Accepts for ever and hands each stream on.
class Acceptor final : private AcceptOp {
 public:
  Acceptor(std::unique_ptr<Listener> listener, std::function<void(StreamPtr)> serve)
      : listener_(std::move(listener)), serve_(std::move(serve)) {
    accept();
  }
  ~Acceptor() { listener_->cancel_accept({ErrorCode::cancelled, Side::self, Stage::accept}); }

 private:
  void accept();
  void run() override;

  std::unique_ptr<Listener> listener_;
  std::function<void(StreamPtr)> serve_;
};

}  // namespace epaulet::sim

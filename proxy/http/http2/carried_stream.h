#pragma once

#include "http/http2/arrived_body.h"
#include "http/http2/stream_bytes.h"

namespace epaulet::http::http2 {

/// A stream of HTTP/2 that is a connection of another protocol, from its first byte to its last.
/// It begins with an extended CONNECT (RFC 8441) for a name that only two sidecars know, and says
/// nothing else in fields: DATA are the bytes of that connection, which HTTP/1.1 is read from as
/// from any other. END_STREAM is a FIN. RST_STREAM is a reset; with REFUSED_STREAM it says besides
/// that what has come since the last whole answer was not looked at.
class CarriedStream : public ByteStream,
                      private StreamEvents,
                      private WindowOpener,
                      private MessageSender {
 public:
  /// Of a client; open() comes next. `connection` outlives this.
  explicit CarriedStream(Connection& connection)
      : connection_(connection), bytes_(connection, *this, *this) {}
  /// Of a server, whose peer has begun it. `connection` outlives this.
  CarriedStream(Connection& connection, StreamId id) : CarriedStream(connection) {
    id_ = id;
    state_ = State::begun;
  }
  CarriedStream(const CarriedStream&) = delete;
  CarriedStream& operator=(const CarriedStream&) = delete;
  /// In order: our half ends, where it has not, and nobody waits for the peer's.
  ~CarriedStream() override;

  /// Asks for it. The bytes need not wait for the answer. False: the peer takes no more streams.
  [[nodiscard]] bool open();

  /// Of a server: who the session tells.
  [[nodiscard]] StreamEvents& events() { return *this; }
  /// The peer has asked, and was answered; or its stream is gone.
  [[nodiscard]] bool is_open() const { return state_ == State::open; }
  [[nodiscard]] bool has_closed() const { return state_ == State::closed; }
  /// Instead of an end in order: what has come since the last whole answer was not looked at, so
  /// that the peer may ask for it elsewhere.
  void refuse() { reset(ErrorNumber::refused_stream); }

  bool start_read(ReadOp& op) override { return bytes_.start_read(op); }
  void cancel_read(const Error& why) override { bytes_.cancel_read(why); }
  bool start_write(WriteOp& op) override;
  void cancel_write(const Error& why) override { bytes_.cancel_write(why); }
  void reset() override;
  bool has_pending_input() override {
    return connection_.is_closing() || bytes_.has_pending_input();
  }
  [[nodiscard]] const Info& info() const override { return connection_.info(); }
  [[nodiscard]] Loop& loop() const override { return connection_.loop(); }

 private:
  enum class State : std::uint8_t { none, begun, open, closed };

  void on_head(HeadText& text, bool end) override;
  void on_data(ConstBytes data) override {
    unread_ += data.size();
    bytes_.add(data);
  }
  void on_end() override { bytes_.end(); }
  void on_closed(std::uint32_t number, bool by_peer, bool unprocessed) override;
  [[nodiscard]] Outgoing outgoing() override { return bytes_.outgoing(); }
  void on_taken(std::size_t bytes) override { bytes_.taken(bytes); }
  void on_end_sent() override;

  void open_window(std::size_t bytes) override;
  [[nodiscard]] Result<void> send_head(std::span<const NameValue>, bool) override { return {}; }
  void send_more() override;
  void reset(ErrorNumber number) override;

  [[nodiscard]] bool is_gone() const { return state_ == State::none || state_ == State::closed; }

  Connection& connection_;
  StreamBytes bytes_;
  StreamId id_ = 0;
  State state_ = State::none;
  bool ours_ = false;    ///< We have asked for it,
  bool agreed_ = false;  ///< and the peer took it.
  bool end_sent_ = false;
  std::size_t unread_ = 0;  ///< Which the session is still owed.
  TimePoint wrote_at_{};
};

}  // namespace epaulet::http::http2

#pragma once

#include "http/http2/arrived_body.h"
#include "http/http2/connection.h"
#include "http/http2/leaving_message.h"
#include "http/http2/stream_bytes.h"

namespace epaulet::http::http2 {

/// What both ends of a stream share: the body that arrives, the message that leaves, and their way
/// to the session for as long as the stream is open.
class StreamHalves : protected StreamEvents, private WindowOpener, protected MessageSender {
 public:
  StreamHalves(const StreamHalves&) = delete;
  StreamHalves& operator=(const StreamHalves&) = delete;

 protected:
  explicit StreamHalves(Connection& connection)
      : connection_(connection),
        body_(connection.loop(), *this),
        writer_(connection.loop(), *this, connection.session().field_list()) {}
  /// A stream that is still open is reset.
  ~StreamHalves();

  void on_data(ConstBytes data) override;
  void on_end() override;
  [[nodiscard]] Outgoing outgoing() override;
  void on_taken(std::size_t bytes) override;
  void on_end_sent() override;
  void reset(ErrorNumber number) override;

  /// The stream is open from now on.
  void opened(StreamId id) {
    id_ = id;
    open_ = true;
  }
  /// It is gone: what was not complete fails.
  void closed(const Error& why);
  [[nodiscard]] bool is_open() const { return open_; }
  [[nodiscard]] StreamId stream_id() const { return id_; }
  /// The head was sent and the stream stays open: its bytes are another protocol's.
  [[nodiscard]] ByteEnd to_bytes();

  Connection& connection_;
  ArrivedBody body_;
  LeavingMessage writer_;

 private:
  void open_window(std::size_t bytes) override;
  void send_more() override;

  StreamId id_ = 0;
  bool open_ = false;
  std::size_t unread_ = 0;
  std::optional<Error> why_closed_;
  std::unique_ptr<StreamBytes> bytes_;
  std::optional<StreamReader> bytes_reader_;
};

}  // namespace epaulet::http::http2

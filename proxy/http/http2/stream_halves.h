#pragma once

#include "http/http2/arrived_body.h"
#include "http/http2/connection.h"
#include "http/http2/leaving_message.h"

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
        writer_(connection.loop(), *this) {}
  /// A stream that is still open is reset.
  ~StreamHalves();

  void on_data(ConstBytes data) override { body_.add(data); }
  void on_end() override { body_.end(); }
  [[nodiscard]] Outgoing outgoing() override { return writer_.outgoing(); }
  void on_taken(std::size_t bytes) override { writer_.taken(bytes); }
  void on_end_sent() override { writer_.end_sent(); }
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

  Connection& connection_;
  ArrivedBody body_;
  LeavingMessage writer_;

 private:
  void open_window(std::size_t bytes) override;
  void send_more() override;

  StreamId id_ = 0;
  bool open_ = false;
};

}  // namespace epaulet::http::http2

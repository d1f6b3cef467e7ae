#pragma once

#include "http/http1/body_reader.h"
#include "http/http1/body_writer.h"
#include "http/http1/head_parser.h"
#include "http/message.h"
#include "http/stream.h"
#include "io/reader.h"

namespace epaulet::http::http1 {

/// The downstream side of HTTP/1.x: reads requests one after the other (pipelined ones wait in the
/// read buffer), writes one response for each. No deadline of its own: the caller's scopes hold
/// them.
class ServerConnection final : public ServerStream, private StreamReader::Observer {
 public:
  /// Both outlive this.
  ServerConnection(ByteStream& stream, StreamReader& reader, HeadLimits limits)
      : stream_(stream),
        reader_(reader),
        limits_(limits),
        body_(reader, Side::downstream),
        writer_(stream, Side::downstream) {}
  ~ServerConnection() override { reader_.observe(nullptr); }

  /// Waits for the first byte of the next request. False: the peer ended the connection between
  /// requests.
  Task<Result<bool>> await_request(Scope& scope);
  /// Reads the head. Errors: the parser's (an answer is possible, then the connection is to be
  /// closed); body_truncated or downstream_reset (no answer is possible).
  Task<Result<void>> read_head(RequestHead& head, Scope& scope);

  [[nodiscard]] BodyReader& body() override { return body_; }
  [[nodiscard]] StreamReader& reader() { return reader_; }

  /// Not to HTTP/1.0 peers (RFC 9110 section 15.2).
  Task<Result<void>> send_informational(ResponseHead& head, Scope& scope) override;
  /// Sets the response's framing for this peer and its Connection field, and puts the head into the
  /// writer. A 101 passes unchanged.
  void begin_response(const RequestHead& request, ResponseHead& head, bool keep) override;
  [[nodiscard]] BodyWriter& writer() override { return writer_; }
  [[nodiscard]] bool keeps() const override { return keeps_; }
  /// A FIN is a half-close: many callers send one behind their last request and still read.
  void watch(CallerWatcher* watcher) override;
  [[nodiscard]] ByteEnd switch_to_bytes() override;

 private:
  void on_input() override;

  ByteStream& stream_;
  StreamReader& reader_;
  HeadLimits limits_;
  BodyReader body_;
  BodyWriter writer_;
  std::size_t scanned_ = 0;
  bool keeps_ = true;
  CallerWatcher* watcher_ = nullptr;
};

}  // namespace epaulet::http::http1

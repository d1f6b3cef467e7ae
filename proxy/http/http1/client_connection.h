#pragma once

#include "http/http1/body_reader.h"
#include "http/http1/body_writer.h"
#include "http/http1/head_parser.h"
#include "http/message.h"
#include "io/reader.h"
#include "io/stream.h"

namespace epaulet::http::http1 {

/// The upstream side of HTTP/1.1: one exchange at a time, many one after the other.
class ClientConnection {
 public:
  ClientConnection(StreamPtr stream, HeadLimits limits)
      : stream_(std::move(stream)),
        limits_(limits),
        reader_(*stream_),
        body_(reader_, Side::upstream),
        writer_(*stream_, Side::upstream) {}

  /// Starts a request: puts its head into the writer. The request's framing goes out as it came in.
  void begin_request(const RequestHead& head, std::string_view hop_lines);
  [[nodiscard]] BodyWriter& writer() { return writer_; }

  /// Reads one response head, informational ones included: call again after those. Errors before
  /// the first byte: reset_before_response, closed_before_response (Retry::if_idempotent); later
  /// ones are final.
  Task<Result<void>> read_head(Method request_method, ResponseHead& head, Scope& scope);
  [[nodiscard]] BodyReader& body() { return body_; }
  [[nodiscard]] StreamReader& reader() { return reader_; }
  [[nodiscard]] ByteStream& stream() { return *stream_; }

  /// Request and response are complete, both ends keep the connection, and nothing unasked has
  /// arrived.
  /// So is one that has served nothing yet.
  [[nodiscard]] bool reusable() const {
    const bool between = !started_ || (writer_.complete() && body_.complete() && response_keeps_);
    return between && !half_closed_ && reader_.buffered().empty() && !reader_.at_end() &&
           !reader_.failed();
  }
  /// After the body was consumed, before reusable() is asked.
  void finish() { body_.finish(); }
  void mark_half_closed() { half_closed_ = true; }

 private:
  StreamPtr stream_;
  HeadLimits limits_;
  StreamReader reader_;
  BodyReader body_;
  BodyWriter writer_;
  std::size_t scanned_ = 0;
  bool started_ = false;
  bool response_keeps_ = false;
  bool half_closed_ = false;
};

}  // namespace epaulet::http::http1

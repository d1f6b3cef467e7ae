#pragma once

#include "http/http1/body_reader.h"
#include "http/http1/body_writer.h"
#include "http/http1/head_parser.h"
#include "http/message.h"
#include "io/reader.h"

namespace epaulet::http::http1 {

/// The downstream side of HTTP/1.x: reads requests one after the other (pipelined ones wait in the
/// read buffer), writes one response for each. No deadline of its own: the caller's scopes hold
/// them.
class ServerConnection {
 public:
  /// Both outlive this.
  ServerConnection(ByteStream& stream, StreamReader& reader, HeadLimits limits)
      : reader_(reader),
        limits_(limits),
        body_(reader, Side::downstream),
        writer_(stream, Side::downstream) {}

  /// Waits for the first byte of the next request. False: the peer ended the connection between
  /// requests.
  Task<Result<bool>> await_request(Scope& scope);
  /// Reads the head. Errors: the parser's (an answer is possible, then the connection is to be
  /// closed); body_truncated or downstream_reset (no answer is possible).
  Task<Result<void>> read_head(RequestHead& head, Scope& scope);

  [[nodiscard]] BodyReader& body() { return body_; }
  [[nodiscard]] StreamReader& reader() { return reader_; }

  /// Sends a 1xx response at once. Not to HTTP/1.0 peers (RFC 9110 section 15.2).
  Task<Result<void>> send_informational(ResponseHead& head, Scope& scope);
  /// Starts the response: sets its framing for this peer, its Connection field, and puts the head
  /// into the writer. `keep`: the connection may serve another request. `switching`: a 101 whose
  /// fields pass unchanged.
  void begin_response(const RequestHead& request, ResponseHead& head, bool keep);
  [[nodiscard]] BodyWriter& writer() { return writer_; }
  /// A response of ours with a short text body.
  Task<Result<void>> send_answer(const RequestHead& request, std::uint16_t status,
                                 std::string_view extra_lines, std::string_view body, bool keep,
                                 Scope& scope);

  /// After the response: another request may follow on this connection.
  [[nodiscard]] bool keeps() const { return keeps_; }
  /// Before an early answer: skips what is here of the request body, without waiting. True: it is
  /// complete, so the connection can be kept. Otherwise the answer must say close (RFC 9112 section
  /// 9.6): nobody knows how long the rest would take, and a caller that believed in keep-alive
  /// would lose its next request.
  Task<bool> skip_buffered_body(Scope& scope);
  /// Where an upstream's early answer promised to read the rest and did not: skips a small rest in
  /// its place. Error: there was too much of it, or not in time.
  Task<Result<void>> drain_body(Scope& scope);

 private:
  StreamReader& reader_;
  HeadLimits limits_;
  BodyReader body_;
  BodyWriter writer_;
  std::size_t scanned_ = 0;
  bool keeps_ = true;
};

}  // namespace epaulet::http::http1

#pragma once

#include "http/http1/body_reader.h"
#include "http/http1/body_writer.h"
#include "http/http1/head_parser.h"
#include "http/message.h"
#include "http/stream.h"
#include "io/reader.h"
#include "io/stream.h"

namespace epaulet::http::http1 {

/// The upstream side of HTTP/1.1: one exchange at a time, many one after the other.
class ClientConnection final : public ClientStream {
 public:
  ClientConnection(StreamPtr stream, HeadLimits limits)
      : stream_(std::move(stream)),
        limits_(limits),
        reader_(*stream_),
        body_(reader_, Side::upstream),
        writer_(*stream_, Side::upstream) {}

  void begin_request(const RequestHead& head) override { begin_request(head, {}); }
  /// `hop_lines`: for this hop, complete with CRLF.
  void begin_request(const RequestHead& head, std::string_view hop_lines);
  [[nodiscard]] BodyWriter& writer() override { return writer_; }
  Task<Result<void>> read_head(Method request_method, ResponseHead& head, Scope& scope) override;
  [[nodiscard]] BodyReader& body() override { return body_; }
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
  void finish() override { body_.finish(); }
  void abandon(const Error& why) override {
    body_.abort(why);
    stream_->reset();
  }
  [[nodiscard]] ByteEnd switch_to_bytes() override;
  void half_close() override;
  void stop_half_close() override;

 private:
  class HalfClose final : public WriteOp {
   public:
    bool pending = false;
    void run() override { pending = false; }
  };

  StreamPtr stream_;
  HeadLimits limits_;
  StreamReader reader_;
  BodyReader body_;
  BodyWriter writer_;
  std::size_t scanned_ = 0;
  bool started_ = false;
  bool response_keeps_ = false;
  bool half_closed_ = false;
  HalfClose half_close_;
};

}  // namespace epaulet::http::http1

#pragma once

#include "http/http2/stream_halves.h"

namespace epaulet::http::http2 {

/// A peer's request on one stream, from the end that serves it.
class ServedStream final : public ServerStream, private StreamHalves {
 public:
  /// `scope`: of the request; cancelled when the stream ends before its answer does.
  ServedStream(Connection& connection, StreamId id, Scope& scope)
      : StreamHalves(connection), scope_(scope) {
    opened(id);
  }

  [[nodiscard]] StreamEvents& events() { return *this; }
  [[nodiscard]] StreamId id() const { return stream_id(); }

  /// The request came before, in HTTP/1.1, and is complete.
  void adopt(RequestHead head);
  /// The head has arrived, or what was wrong with it is known.
  [[nodiscard]] bool has_head() const { return head_done_; }
  /// Gives the head away, once. Errors: as http1::parse_request_head().
  [[nodiscard]] Result<void> take_head(RequestHead& head);

  [[nodiscard]] MessageReader& body() override { return body_; }
  [[nodiscard]] MessageWriter& writer() override { return writer_; }
  Task<Result<void>> send_informational(ResponseHead& head, Scope& scope) override;
  void begin_response(const RequestHead& request, ResponseHead& head, bool keep) override;
  /// A stream serves one request, but the connection goes on.
  [[nodiscard]] bool keeps() const override { return true; }
  /// Not needed: the scope tells it, at any time.
  void watch(CallerWatcher*) override {}
  [[nodiscard]] ByteEnd switch_to_bytes() override { return to_bytes(); }
  /// Nothing more comes, and nothing can be sent.
  [[nodiscard]] bool has_closed() const { return !is_open(); }

  /// After the response. Who still uploads is told to stop (RFC 9113 section 8.1); what was not
  /// answered whole is reset.
  void settle();

 private:
  void on_head(HeadText& text, bool end) override;
  void on_closed(std::uint32_t number, bool by_peer, bool unprocessed) override;
  [[nodiscard]] Result<void> send_head(std::span<const NameValue> fields, bool end) override;

  Scope& scope_;
  RequestHead head_;
  Result<void> head_result_;
  bool head_done_ = false;
};

}  // namespace epaulet::http::http2

#pragma once

#include "http/http2/arrived_body.h"
#include "http/http2/connection.h"
#include "http/http2/leaving_message.h"

namespace epaulet::http::http2 {

/// A peer's request on one stream, from the end that serves it.
class ServedStream final : public ServerStream,
                           private StreamEvents,
                           private WindowOpener,
                           private MessageSender {
 public:
  /// `scope`: of the request; cancelled when the stream ends before its answer does.
  ServedStream(Connection& connection, StreamId id, Scope& scope);
  ~ServedStream() override;
  ServedStream(const ServedStream&) = delete;
  ServedStream& operator=(const ServedStream&) = delete;

  [[nodiscard]] StreamEvents& events() { return *this; }
  [[nodiscard]] StreamId id() const { return id_; }

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
  /// Nothing more comes, and nothing can be sent.
  [[nodiscard]] bool closed() const { return closed_; }

  /// After the response. Who still uploads is told to stop (RFC 9113 section 8.1); what was not
  /// answered whole is reset.
  void settle();

 private:
  void on_head(HeadText& text, bool end) override;
  void on_data(ConstBytes data) override { body_.add(data); }
  void on_end() override { body_.end(); }
  void on_closed(std::uint32_t number, bool by_peer, bool unprocessed) override;
  [[nodiscard]] Outgoing outgoing() override { return writer_.outgoing(); }
  void on_taken(std::size_t bytes) override { writer_.taken(bytes); }
  void on_end_sent() override { writer_.end_sent(); }
  void open_window(std::size_t bytes) override;
  [[nodiscard]] Result<void> send_head(std::span<const NameValue> fields, bool end) override;
  void send_more() override;
  void reset(ErrorNumber number) override;

  Connection& connection_;
  StreamId id_;
  Scope& scope_;
  RequestHead head_;
  Result<void> head_result_;
  bool head_done_ = false;
  bool closed_ = false;
  ArrivedBody body_;
  LeavingMessage writer_;
};

}  // namespace epaulet::http::http2

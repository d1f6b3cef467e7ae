#pragma once

#include <deque>

#include "http/http2/arrived_body.h"
#include "http/http2/connection.h"
#include "http/http2/leaving_message.h"

namespace epaulet::http::http2 {

/// A request of ours on one stream of a connection that others share.
class OpenedStream final : public ClientStream,
                           private StreamEvents,
                           private WindowOpener,
                           private MessageSender {
 public:
  /// `scheme`: "http" or "https", for `:scheme`.
  OpenedStream(Connection& connection, std::string_view scheme);
  ~OpenedStream() override;
  OpenedStream(const OpenedStream&) = delete;
  OpenedStream& operator=(const OpenedStream&) = delete;

  void begin_request(const RequestHead& head) override;
  [[nodiscard]] MessageWriter& writer() override { return writer_; }
  Task<Result<void>> read_head(Method request_method, ResponseHead& head, Scope& scope) override;
  [[nodiscard]] MessageReader& body() override { return body_; }
  void finish() override { body_.finish(); }
  void abandon(const Error& why) override;

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

  struct Arrived {
    ResponseHead head;
    Result<void> result;
  };

  Connection& connection_;
  std::string_view scheme_;
  StreamId id_ = 0;
  TimePoint opened_at_{};
  Method method_ = Method::other;
  bool closed_ = true;  ///< Not open yet, or no more.
  bool final_head_ = false;
  std::deque<Arrived> heads_;
  Event news_;  ///< Set while read_head() would not wait.
  std::optional<Error> failed_;
  ArrivedBody body_;
  LeavingMessage writer_;
};

}  // namespace epaulet::http::http2

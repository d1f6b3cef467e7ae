#pragma once

#include <list>

#include "http/http2/stream_halves.h"

namespace epaulet::http::http2 {

/// A request of ours on one stream of a connection that others share.
class OpenedStream final : public ClientStream, private StreamHalves {
 public:
  /// `scheme`: "http" or "https", for `:scheme`.
  OpenedStream(Connection& connection, std::string_view scheme)
      : StreamHalves(connection), scheme_(scheme), news_(connection.loop()) {}

  void begin_request(const RequestHead& head) override;
  [[nodiscard]] MessageWriter& writer() override { return writer_; }
  Task<Result<void>> read_head(Method request_method, ResponseHead& head, Scope& scope) override;
  [[nodiscard]] MessageReader& body() override { return body_; }
  [[nodiscard]] ByteEnd switch_to_bytes() override { return to_bytes(); }
  void finish() override { body_.finish(); }
  void abandon(const Error& why) override;

 private:
  void on_head(HeadText& text, bool end) override;
  void on_closed(std::uint32_t number, bool by_peer, bool unprocessed) override;
  [[nodiscard]] Result<void> send_head(std::span<const NameValue> fields, bool end) override;

  struct Arrived {
    ResponseHead head;
    Result<void> result;
  };

  std::string_view scheme_;
  TimePoint opened_at_{};
  std::size_t opened_among_ = 0;  ///< So many streams the peer took at once then.
  Method method_ = Method::other;
  std::string upgrade_;  ///< Asked for.
  bool final_head_ = false;
  std::list<Arrived, PoolAllocator<Arrived>> heads_;
  Event news_;  ///< Set while read_head() would not wait.
  std::optional<Error> failed_;
};

}  // namespace epaulet::http::http2

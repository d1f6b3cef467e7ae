#pragma once

#include <string>

#include "http/http1/head_end.h"
#include "http/message.h"

namespace epaulet::http::http2 {

/// Collects one field section of HTTP/2 (RFC 9113 section 8) as the text of an HTTP/1.1 head, which
/// http1's parser then judges: one strict reader for every version, so that what was authorised is
/// also what a next hop of the other version reads. One object serves all sections of a connection;
/// it keeps its capacity.
///
/// nghttp2 has checked before: pseudo-header fields come first, once, and are complete; names are
/// lower case; no field is specific to a connection; the body is as long as Content-Length says.
class HeadText {
 public:
  enum class Kind : std::uint8_t { request, response, trailers };

  explicit HeadText(http1::HeadLimits limits) : limits_(limits) {}

  void begin(Kind kind);
  /// Pseudo-header fields too. What exceeds the limits is not kept, but remembered: too_large().
  void add(std::string_view name, std::string_view value);
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool too_large() const { return too_large_; }

  /// What an extended CONNECT asks for; empty if it is none. Valid until begin().
  [[nodiscard]] std::string_view protocol() const {
    return method_ == "CONNECT" ? std::string_view(protocol_) : std::string_view();
  }
  /// Of a response.
  [[nodiscard]] std::string_view status() const { return status_; }

  /// A request of which no DATA follows if `end`. `Cookie` fields are joined (RFC 9113 section
  /// 8.2.3), a `Host` beside `:authority` must say the same. A body of unknown length gets
  /// `Transfer-Encoding: chunked`, which says so to a next hop that speaks HTTP/1.1 and which
  /// FieldList leaves out. An extended CONNECT (RFC 8441) becomes a GET that asks for an upgrade.
  /// Errors: as http1::parse_request_head(); upgrade_unsupported for a protocol that would hide
  /// requests.
  [[nodiscard]] Result<void> to_request(RequestHead& head, bool end);
  /// The same of a response. A final one without body gets the `Content-Length: 0` that HTTP/1.1
  /// wants to see. `upgrade`: what the request asked for with an extended CONNECT, or empty; then
  /// a 2xx becomes the 101 that agrees to it.
  [[nodiscard]] Result<void> to_response(ResponseHead& head, Method request_method, bool end,
                                         std::string_view upgrade = {});
  /// Trailer lines with CRLF, without those that no trailer section may hold; valid until begin().
  [[nodiscard]] std::string_view to_trailers();

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  [[nodiscard]] ConstBytes assemble(std::string_view upgrade);
  [[nodiscard]] bool asks_for_upgrade() const { return !protocol_.empty(); }

  http1::HeadLimits limits_;
  Kind kind_ = Kind::request;
  std::string method_;
  std::string protocol_;
  std::string authority_;
  std::string path_;
  std::string status_;
  std::string cookie_;
  std::string lines_;
  std::string text_;
  std::size_t fields_ = 0;
  bool host_seen_ = false;
  bool too_large_ = false;
  bool malformed_ = false;
};

}  // namespace epaulet::http::http2

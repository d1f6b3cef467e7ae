#include "http/http1/server_connection.h"

#include "base/error_table.h"
#include "http/http1/serialize.h"

namespace epaulet::http::http1 {
namespace {

Error downstream_error(Error error) {
  error.side = Side::downstream;
  if (error.code == ErrorCode::upstream_reset) error.code = ErrorCode::downstream_reset;
  return error;
}

std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace

Task<Result<bool>> ServerConnection::await_request(Scope& scope) {
  body_.finish();
  scanned_ = 0;
  while (reader_.buffered().empty()) {
    if (reader_.at_end()) co_return false;
    const auto filled = co_await reader_.fill(scope);
    if (!filled) co_return downstream_error(filled.error());
  }
  co_return true;
}

Task<Result<void>> ServerConnection::read_head(RequestHead& head, Scope& scope) {
  for (;;) {
    const auto end = find_head_end(reader_.buffered(), limits_, scanned_);
    if (!end) co_return end.error();
    if (*end) {
      const std::size_t size = **end;
      const auto parsed = parse_request_head(reader_.buffered().first(size), limits_, head);
      reader_.consume(size);
      scanned_ = 0;
      if (!parsed) co_return parsed.error();
      body_.begin(head.framing);
      co_return Result<void>();
    }
    if (reader_.buffered().size() >= limits::kBlockBytes / 2)
      reader_.reserve(limits::kLargeBlockBytes);
    const auto filled = co_await reader_.fill(scope);
    if (!filled) co_return downstream_error(filled.error());
    if (*filled == 0)
      co_return Error(ErrorCode::downstream_aborted, Side::downstream, Stage::parse);
  }
}

Task<Result<void>> ServerConnection::send_informational(ResponseHead& head, Scope& scope) {
  const std::size_t size = response_head_bytes(head);
  write_response_head(head, writer_.begin(size, Framing::Kind::none));
  return writer_.flush(scope);
}

void ServerConnection::begin_response(const RequestHead& request, ResponseHead& head, bool keep) {
  auto kind = head.framing.kind;
  std::string_view hop_lines;
  if (head.status == 101) {
    keeps_ = false;
  } else {
    const bool http10 = request.version == Version::http10;
    if (kind == Framing::Kind::chunked && http10) {
      head.remove(FieldId::transfer_encoding);  // RFC 9112 section 6.1: never to HTTP/1.0.
      kind = Framing::Kind::until_close;
    }
    const bool reframe = kind == Framing::Kind::until_close && !http10;
    if (reframe) kind = Framing::Kind::chunked;
    keeps_ = keep && request.keep_alive && kind != Framing::Kind::until_close;
    if (reframe) {
      hop_lines = keeps_ ? "Transfer-Encoding: chunked\r\n"
                         : "Transfer-Encoding: chunked\r\nConnection: close\r\n";
    } else if (!keeps_) {
      hop_lines = "Connection: close\r\n";
    } else if (http10) {
      hop_lines = "Connection: keep-alive\r\n";
    }
  }
  const std::size_t size = response_head_bytes(head, hop_lines);
  write_response_head(head, writer_.begin(size, kind), hop_lines);
}

Task<Result<void>> ServerConnection::send_answer(const RequestHead& request, std::uint16_t status,
                                                 std::string_view extra_lines,
                                                 std::string_view body, bool keep, Scope& scope) {
  ResponseHead head;
  head.status = status;
  head.reason = reason_phrase(status);
  head.framing = {body.empty() ? Framing::Kind::none : Framing::Kind::length, body.size()};
  if (!body.empty()) head.added.add("Content-Type", "text/plain; charset=utf-8");
  head.added.add("Content-Length", std::to_string(body.size()));
  head.added.append(extra_lines);
  begin_response(request, head, keep);
  const bool with_body = request.method != Method::head;
  const Chunk chunk(with_body ? as_bytes(body) : ConstBytes(), true);
  co_return co_await writer_.push(chunk, scope);
}

Task<bool> ServerConnection::skip_buffered_body(Scope& scope) {
  const auto most = body_.bytes() + limits::kDrainedBodyBytesMax;
  Scope without_waiting(scope);
  without_waiting.cancel({ErrorCode::cancelled, Side::self, Stage::receive});
  while (!body_.complete() && body_.ready() && body_.bytes() < most) {
    const auto chunk = co_await body_.pull(without_waiting);
    if (!chunk) co_return false;
  }
  co_return body_.complete();
}

Task<Result<void>> ServerConnection::drain_body(Scope& scope) {
  const auto most = body_.bytes() + limits::kDrainedBodyBytesMax;
  while (!body_.complete()) {
    const auto chunk = co_await body_.pull(scope);
    if (!chunk) co_return chunk.error();
    if (body_.bytes() > most) {
      co_return Error(ErrorCode::body_too_large, Side::downstream, Stage::receive);
    }
  }
  co_return Result<void>();
}

}  // namespace epaulet::http::http1

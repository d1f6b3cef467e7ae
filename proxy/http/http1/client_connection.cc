#include "http/http1/client_connection.h"

#include "http/http1/serialize.h"

namespace epaulet::http::http1 {

void ClientConnection::begin_request(const RequestHead& head, std::string_view hop_lines) {
  started_ = true;
  response_keeps_ = false;
  scanned_ = 0;
  const std::size_t size = request_head_bytes(head, hop_lines);
  write_request_head(head, writer_.begin(size, head.framing.kind), hop_lines);
}

Task<Result<void>> ClientConnection::read_head(Method request_method, ResponseHead& head,
                                               Scope& scope) {
  for (;;) {
    const auto end = find_head_end(reader_.buffered(), limits_, scanned_, MessageKind::response);
    if (!end) co_return end.error();
    if (*end) {
      const std::size_t size = **end;
      const auto parsed =
          parse_response_head(reader_.buffered().first(size), limits_, request_method, head);
      reader_.consume(size);
      scanned_ = 0;
      if (!parsed) co_return parsed.error();
      response_keeps_ = head.keep_alive;
      if (!head.informational()) body_.begin(head.framing);
      co_return Result<void>();
    }
    if (reader_.buffered().size() >= limits::kBlockBytes / 2)
      reader_.reserve(limits::kLargeBlockBytes);
    const bool nothing_yet = reader_.buffered().empty();
    const auto filled = co_await reader_.fill(scope);
    if (filled && *filled > 0) continue;
    if (filled) {
      if (nothing_yet) {
        co_return Error(ErrorCode::closed_before_response, Side::upstream, Stage::receive,
                        Retry::if_idempotent);
      }
      co_return Error(ErrorCode::response_truncated, Side::upstream, Stage::receive);
    }
    Error error = filled.error();
    if (error.code == ErrorCode::upstream_reset) {
      // Only a stream that carries a connection knows of its peer that it did nothing; with a
      // number, that it refused the whole of it.
      const bool promised = nothing_yet && error.retry == Retry::safe;
      error.code = promised && error.detail == 0 ? ErrorCode::closed_before_response
                   : nothing_yet                 ? ErrorCode::reset_before_response
                                                 : ErrorCode::reset_in_response;
      if (!promised) error.retry = nothing_yet ? Retry::if_idempotent : Retry::never;
      error.side = Side::upstream;
    }
    co_return error;
  }
}

ByteEnd ClientConnection::switch_to_bytes() {
  finish();
  half_closed_ = true;
  return {*stream_, reader_};
}

void ClientConnection::half_close() {
  if (half_close_.pending) return;
  half_closed_ = true;
  half_close_.buffers = {};
  half_close_.end = true;
  half_close_.pending = !stream_->start_write(half_close_);
}

void ClientConnection::stop_half_close() {
  if (!half_close_.pending) return;
  stream_->cancel_write({ErrorCode::cancelled, Side::self, Stage::send});
  half_close_.unlink();
  half_close_.pending = false;
}

}  // namespace epaulet::http::http1

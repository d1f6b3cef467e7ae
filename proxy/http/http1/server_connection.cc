#include "http/http1/server_connection.h"

#include "http/http1/serialize.h"

namespace epaulet::http::http1 {
namespace {

Error downstream_error(Error error) {
  error.side = Side::downstream;
  if (error.code == ErrorCode::upstream_reset) error.code = ErrorCode::downstream_reset;
  return error;
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

void ServerConnection::watch(CallerWatcher* watcher) {
  watcher_ = watcher;
  reader_.observe(watcher == nullptr ? nullptr : this);
  if (watcher != nullptr) on_input();
}

ByteEnd ServerConnection::switch_to_bytes() {
  body_.finish();
  return {stream_, reader_};
}

void ServerConnection::on_input() {
  // Pipelined bytes may lie before an abort: read on while there is room, until a read stays
  // pending.
  for (std::size_t had = SIZE_MAX;
       had != reader_.buffered().size() && !reader_.at_end() && !reader_.failed();) {
    had = reader_.buffered().size();
    reader_.watch();
  }
  if (reader_.failed()) {
    watcher_->on_caller_gone({ErrorCode::downstream_reset, Side::downstream, Stage::receive});
  } else if (reader_.at_end()) {
    watcher_->on_caller_half_closed();
  }
}

}  // namespace epaulet::http::http1

#include "http/http1/body_writer.h"

#include <array>

#include "http/http1/serialize.h"
#include "io/ops.h"

namespace epaulet::http::http1 {

Bytes BodyWriter::begin(std::size_t head_bytes, Framing::Kind kind) {
  EPAULET_ASSERT(pending_ == 0);
  if (!head_ || head_.size() < head_bytes) head_ = Block::allocate(head_bytes);
  pending_ = head_bytes;
  kind_ = kind;
  bytes_ = 0;
  complete_ = wrote_ = aborted_ = false;
  return head_.span().first(head_bytes);
}

Error BodyWriter::failed(const Error& error) {
  broken_ = true;
  Error translated = error;
  translated.side = side_;
  translated.stage = Stage::send;
  if (error.code == ErrorCode::upstream_reset && side_ == Side::downstream) {
    translated.code = ErrorCode::downstream_reset;
    translated.retry = Retry::never;
  }
  return translated;
}

Task<Result<void>> BodyWriter::flush(Scope& scope) {
  if (pending_ == 0) co_return Result<void>();
  const std::array<ConstBytes, 1> buffers{ConstBytes(head_.span().first(pending_))};
  pending_ = 0;
  wrote_ = true;
  const auto written = co_await write_all(stream_, buffers, scope);
  head_.reset();
  if (!written) co_return failed(written.error());
  co_return Result<void>();
}

Task<Result<void>> BodyWriter::push(Chunk chunk, Scope& scope) {
  std::array<ConstBytes, 6> buffers;
  std::size_t count = 0;
  std::array<char, 20> size_line;
  if (pending_ > 0) buffers[count++] = head_.span().first(pending_);
  if (kind_ == Framing::Kind::chunked) {
    if (!chunk.bytes.empty()) {
      const std::size_t length = write_chunk_header(size_line, chunk.bytes.size());
      buffers[count++] = as_bytes({size_line.data(), length});
      buffers[count++] = chunk.bytes;
      buffers[count++] = as_bytes(chunk.end ? "\r\n0\r\n" : "\r\n");
    } else if (chunk.end) {
      buffers[count++] = as_bytes("0\r\n");
    }
    if (chunk.end) {
      buffers[count++] = as_bytes(chunk.trailers);
      buffers[count++] = as_bytes("\r\n");
    }
  } else if (!chunk.bytes.empty()) {
    buffers[count++] = chunk.bytes;
  }
  if (count > 0) {
    pending_ = 0;
    wrote_ = true;
    const auto written = co_await write_all(stream_, std::span(buffers).first(count), scope);
    head_.reset();
    if (!written) co_return failed(written.error());
  }
  bytes_ += chunk.bytes.size();
  complete_ = chunk.end;
  co_return Result<void>();
}

void BodyWriter::abort(const Error&) {
  // The connection's owner resets it, since the message is not complete(): the receiver must not
  // take what came for all of it.
  aborted_ = true;
  pending_ = 0;
  head_.reset();
}

}  // namespace epaulet::http::http1

#include "http/http1/body_reader.h"

#include <algorithm>

namespace epaulet::http::http1 {

void BodyReader::begin(const Framing& framing) {
  framing_ = framing;
  decoder_ = ChunkDecoder();
  lent_ = 0;
  bytes_ = 0;
  complete_ = framing.kind == Framing::Kind::none;
  untouched_ = true;
}

void BodyReader::finish() {
  if (lent_ > 0) reader_.consume(std::exchange(lent_, 0));
}

bool BodyReader::ready() const {
  return complete_ || reader_.buffered().size() > lent_ || reader_.at_end() || reader_.failed();
}

void BodyReader::abort(const Error&) {
  // HTTP/1 has no way to refuse the rest but to close the connection, which its owner does:
  // !complete().
}

Error BodyReader::truncated() const {
  if (side_ == Side::downstream) {
    return {ErrorCode::body_truncated, side_, Stage::receive, Retry::never};
  }
  return {ErrorCode::response_truncated, side_, Stage::receive, Retry::never};
}

Error BodyReader::translate(const Error& error) const {
  Error translated = error;
  translated.side = side_;
  translated.retry = Retry::never;
  if (error.code == ErrorCode::upstream_reset) {
    translated.code =
        side_ == Side::downstream ? ErrorCode::downstream_reset : ErrorCode::reset_in_response;
  }
  return translated;
}

Task<Result<Chunk>> BodyReader::pull(Scope& scope) {
  finish();
  untouched_ = false;
  if (complete_) co_return Chunk({}, true);
  for (;;) {
    if (!reader_.buffered().empty()) {
      if (framing_.kind == Framing::Kind::chunked) {
        auto taken = take_chunked();
        if (!taken) co_return taken.error();
        if (*taken) co_return **taken;
      } else {
        co_return take_length();
      }
    }
    const auto filled = co_await reader_.fill(scope);
    // Told to stop: the reason stays whoever gave it, it is no failure of this message.
    if (scope.cancelled()) co_return *scope.cancelled();
    if (!filled) co_return translate(filled.error());
    if (*filled > 0) continue;
    if (framing_.kind != Framing::Kind::until_close) co_return truncated();
    complete_ = true;
    co_return Chunk({}, true);
  }
}

/// Kind::length and Kind::until_close.
Result<Chunk> BodyReader::take_length() {
  auto bytes = reader_.buffered();
  if (framing_.kind == Framing::Kind::length) {
    bytes = bytes.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), framing_.length)));
    framing_.length -= bytes.size();
    complete_ = framing_.length == 0;
  }
  lent_ = bytes.size();
  bytes_ += bytes.size();
  reader_.hold();
  return Chunk(bytes, complete_);
}

/// Nothing: more input is needed.
Result<std::optional<Chunk>> BodyReader::take_chunked() {
  const auto input = reader_.buffered();
  std::size_t used = 0;
  const auto located = [this](Error error) {
    error.side = side_;
    if (side_ == Side::upstream) error.code = ErrorCode::response_malformed;
    return error;
  };
  while (used < input.size()) {
    const auto step = decoder_.next(input.subspan(used));
    if (!step) return located(step.error());
    used += step->consumed;
    if (step->kind == ChunkDecoder::Step::Kind::need_more) break;
    if (step->kind == ChunkDecoder::Step::Kind::end) {
      complete_ = true;
      lent_ = used;
      reader_.hold();
      return std::optional(Chunk({}, true, decoder_.trailers()));
    }
    bytes_ += step->data.size();
    // Where the last chunk is in the buffer already, data and end go out in one write.
    ChunkDecoder ahead = decoder_;
    const auto following = ahead.next(input.subspan(used));
    if (following && following->kind == ChunkDecoder::Step::Kind::end) {
      decoder_ = std::move(ahead);
      used += following->consumed;
      complete_ = true;
    }
    lent_ = used;
    reader_.hold();
    return std::optional(
        Chunk(step->data, complete_, complete_ ? decoder_.trailers() : std::string_view()));
  }
  reader_.consume(used);
  return std::optional<Chunk>();
}

}  // namespace epaulet::http::http1

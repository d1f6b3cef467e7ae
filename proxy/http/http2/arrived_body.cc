#include "http/http2/arrived_body.h"

#include "http/http2/stream_bytes.h"

namespace epaulet::http::http2 {

void ArrivedBody::add(ConstBytes data) {
  pieces_.add(data, lent_);
  tell();
}

void ArrivedBody::end() {
  ended_ = true;
  tell();
}

void ArrivedBody::fail(const Error& why) {
  if (ended_ || error_) return;  // What has arrived whole stays whole.
  error_ = why;
  tell();
}

void ArrivedBody::move_to(StreamBytes& bytes) {
  release();
  bytes.begin_with(std::move(pieces_));
  if (ended_) bytes.end();
}

void ArrivedBody::tell() {
  const bool more = pieces_.size() > (lent_ ? 1u : 0u);
  if (more || error_ || (ended_ && !complete_)) {
    news_.set();
  } else {
    news_.reset();
  }
}

void ArrivedBody::release() {
  if (!lent_) return;
  lent_ = false;
  const auto size = pieces_.front().bytes().size();
  pieces_.pop_front();
  window_.open_window(size);
}

Task<Result<Chunk>> ArrivedBody::pull(Scope& scope) {
  release();
  tell();
  if (!news_.is_set()) {
    const auto waited = co_await news_.wait(scope);
    if (!waited) co_return waited.error();
  }
  if (!pieces_.empty()) {
    lent_ = true;
    const auto bytes = pieces_.front().bytes();
    bytes_ += bytes.size();
    // With the last piece the end: a small message goes on in one write.
    complete_ = ended_ && pieces_.size() == 1;
    tell();
    co_return Chunk(bytes, complete_, complete_ ? std::string_view(trailers_) : std::string_view());
  }
  if (error_) co_return *error_;
  complete_ = true;
  tell();
  co_return Chunk(ConstBytes(), true, trailers_);
}

}  // namespace epaulet::http::http2

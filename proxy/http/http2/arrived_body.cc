#include "http/http2/arrived_body.h"

#include <algorithm>
#include <cstring>

#include "http/http2/stream_bytes.h"

namespace epaulet::http::http2 {

void ArrivedBody::add(ConstBytes data) {
  while (!data.empty()) {
    // Small frames share a block, unless the reader looks at it.
    const bool shared = !pieces_.empty() && !(lent_ && pieces_.size() == 1) &&
                        pieces_.back().size < pieces_.back().block.size();
    if (!shared)
      pieces_.push_back({Block::allocate(std::min(data.size(), limits::kBlockBytes)), 0});
    auto& [block, size] = pieces_.back();
    const auto part = std::min(data.size(), block.size() - size);
    std::memcpy(block.data() + size, data.data(), part);
    size += part;
    data = data.subspan(part);
  }
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
  for (const auto& [block, size] : pieces_) bytes.add(ConstBytes(block.data(), size));
  pieces_.clear();
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
  const auto size = pieces_.front().size;
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
    const auto& piece = pieces_.front();
    bytes_ += piece.size;
    // With the last piece the end: a small message goes on in one write.
    complete_ = ended_ && pieces_.size() == 1;
    tell();
    co_return Chunk(ConstBytes(piece.block.data(), piece.size), complete_,
                    complete_ ? std::string_view(trailers_) : std::string_view());
  }
  if (error_) co_return *error_;
  complete_ = true;
  tell();
  co_return Chunk(ConstBytes(), true, trailers_);
}

}  // namespace epaulet::http::http2

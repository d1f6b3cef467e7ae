#include "http/replay_buffer.h"

#include <cstring>

namespace epaulet::http {

void ReplayBuffer::begin(BodySource& source) {
  source_ = &source;
  release();
  kept_bytes_ = 0;
  trailers_.clear();
  complete_record_ = true;
  ended_ = false;
  replaying_ = false;
}

bool ReplayBuffer::ready() const {
  return (replaying_ && kept_bytes_ > 0) || ended_ || source_->ready();
}

Task<Result<Chunk>> ReplayBuffer::pull(Scope& scope) {
  if (std::exchange(replaying_, false) && (kept_bytes_ > 0 || ended_)) {
    co_return Chunk(kept_.span().first(kept_bytes_), ended_, trailers_);
  }
  auto chunk = co_await source_->pull(scope);
  if (chunk) record(*chunk);
  co_return chunk;
}

bool ReplayBuffer::may_keep(std::size_t bytes) const {
  if (bytes > limits::kReplayBytesMax) return false;
  const bool grows = bytes > kept_.size();
  return of_connection_ == nullptr || !grows || *of_connection_ <= limits::kHttp2UnreadBytes;
}

void ReplayBuffer::hold(Block block) {
  if (of_connection_ != nullptr) *of_connection_ += block.size() - kept_.size();
  kept_ = std::move(block);
}

void ReplayBuffer::record(const Chunk& chunk) {
  if (!complete_record_ || !may_keep(kept_bytes_ + chunk.bytes.size())) {
    if (!chunk.bytes.empty() || chunk.end) complete_record_ = false;
    release();
    kept_bytes_ = 0;
    return;
  }
  if (!chunk.bytes.empty()) {
    if (!kept_ || kept_.size() < kept_bytes_ + chunk.bytes.size()) {
      Block larger = Block::allocate(kept_bytes_ + chunk.bytes.size());
      if (kept_) std::memcpy(larger.data(), kept_.data(), kept_bytes_);
      hold(std::move(larger));
    }
    std::memcpy(kept_.data() + kept_bytes_, chunk.bytes.data(), chunk.bytes.size());
    kept_bytes_ += chunk.bytes.size();
  }
  if (chunk.end) {
    ended_ = true;
    trailers_.assign(chunk.trailers);
  }
}

void ReplayBuffer::rewind() {
  EPAULET_ASSERT(complete_record_);
  replaying_ = true;
}

}  // namespace epaulet::http

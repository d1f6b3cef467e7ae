#include "http/replay_buffer.h"

#include <cstring>

namespace epaulet::http {

void ReplayBuffer::begin(BodySource& source) {
  source_ = &source;
  kept_.reset();
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

void ReplayBuffer::record(const Chunk& chunk) {
  if (!complete_record_ || kept_bytes_ + chunk.bytes.size() > limits::kReplayBytesMax) {
    if (!chunk.bytes.empty() || chunk.end) complete_record_ = false;
    kept_.reset();
    kept_bytes_ = 0;
    return;
  }
  if (!chunk.bytes.empty()) {
    if (!kept_ || kept_.size() < kept_bytes_ + chunk.bytes.size()) {
      Block larger = Block::allocate(kept_bytes_ + chunk.bytes.size());
      if (kept_) std::memcpy(larger.data(), kept_.data(), kept_bytes_);
      kept_ = std::move(larger);
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

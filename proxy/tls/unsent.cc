#include "tls/unsent.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"
#include "tls/engine.h"

namespace epaulet {
namespace {

/// Used within one call only, so all streams of a thread share it.
thread_local std::array<std::byte, TlsEngine::kRecordBytesMax> gathered;

std::size_t records_for(std::size_t bytes) {
  return (bytes + TlsEngine::kRecordBytesMax - 1) / TlsEngine::kRecordBytesMax;
}

}  // namespace

Unsent::Unsent(std::span<const ConstBytes> buffers) : buffers_(buffers) {
  for (const auto& buffer : buffers_) bytes_ += buffer.size();
  step_over_empty_buffers();
}

std::size_t Unsent::records() const {
  return records_for(bytes_);
}

ConstBytes Unsent::next_record(std::size_t bytes_max) const {
  EPAULET_ASSERT(!empty());
  const auto front = buffers_[index_].subspan(offset_);
  const std::size_t record = std::min(bytes_, bytes_max);
  if (front.size() >= record) return front.first(record);
  // A record of its own for the front: copying then buys nothing.
  if (1 + records_for(bytes_ - front.size()) == records()) return front;
  Unsent ahead = *this;
  std::size_t filled = 0;
  while (filled < record) {
    const auto piece = ahead.buffers_[ahead.index_].subspan(ahead.offset_);
    const std::size_t take = std::min(piece.size(), record - filled);
    std::memcpy(gathered.data() + filled, piece.data(), take);
    ahead.skip(take);
    filled += take;
  }
  return ConstBytes(gathered).first(filled);
}

void Unsent::skip(std::size_t bytes) {
  EPAULET_ASSERT(bytes <= bytes_);
  bytes_ -= bytes;
  while (bytes > 0) {
    const std::size_t take = std::min(bytes, buffers_[index_].size() - offset_);
    offset_ += take;
    bytes -= take;
    step_over_empty_buffers();
  }
}

void Unsent::step_over_empty_buffers() {
  while (index_ < buffers_.size() && offset_ == buffers_[index_].size()) {
    ++index_;
    offset_ = 0;
  }
}

}  // namespace epaulet

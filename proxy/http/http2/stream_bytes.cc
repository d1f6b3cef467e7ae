#include "http/http2/stream_bytes.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "http/http2/arrived_body.h"

namespace epaulet::http::http2 {

bool StreamBytes::read_into(ReadOp& op) {
  if (!pieces_.empty()) {
    auto& piece = pieces_.front();
    const Bytes room = op.prepare();
    const auto size = std::min(room.size(), piece.bytes().size());
    std::memcpy(room.data(), piece.bytes().data(), size);
    piece.begin += size;
    if (piece.begin == piece.end) pieces_.pop_front();
    op.result = size;
    window_.open_window(size);
    return true;
  }
  if (failed_) {
    op.result = *failed_;
    return true;
  }
  if (!ended_) return false;
  op.result = std::size_t{0};
  return true;
}

bool StreamBytes::start_read(ReadOp& op) {
  EPAULET_ASSERT(read_ == nullptr);
  if (read_into(op)) return true;
  read_ = &op;
  return false;
}

void StreamBytes::cancel_read(const Error& why) {
  if (read_ == nullptr) return;
  ReadyItem::unlink();
  ReadOp& op = *std::exchange(read_, nullptr);
  op.result = why;
  loop().ready(op);
}

/// Later: this may be inside the session.
void StreamBytes::tell_reader() {
  if (read_ != nullptr && !ReadyItem::linked()) loop().ready(*this);
}

void StreamBytes::run() {
  if (read_ == nullptr || !read_into(*read_)) return;
  std::exchange(read_, nullptr)->run();
}

/// Who waits gets them without a block between, except those for which there is no room.
void StreamBytes::add(ConstBytes data) {
  if (read_ != nullptr && pieces_.empty() && !ReadyItem::linked()) {
    ReadOp& op = *std::exchange(read_, nullptr);
    const Bytes room = op.prepare();
    const auto size = std::min(room.size(), data.size());
    std::memcpy(room.data(), data.data(), size);
    op.result = size;
    loop().ready(op);
    window_.open_window(size);
    data = data.subspan(size);
  }
  if (data.empty()) return;
  pieces_.add(data);
  tell_reader();
}

void StreamBytes::end() {
  ended_ = true;
  tell_reader();
}

void StreamBytes::fail(const Error& why) {
  const auto retry = why.retry == Retry::safe ? Retry::safe : Retry::never;
  Error as_transport(ErrorCode::upstream_reset, Side::self, Stage::relay, retry, why.detail);
  if (!ended_ && !failed_) failed_ = as_transport;
  tell_reader();
  finish_write(as_transport);
}

bool StreamBytes::start_write(WriteOp& op) {
  EPAULET_ASSERT(write_ == nullptr);
  op.result = Result<void>();
  if (failed_) {
    op.result = *failed_;
    return true;
  }
  write_ = &op;
  buffer_ = offset_ = 0;
  if (outgoing().data.empty() && !op.end) {
    write_ = nullptr;
    return true;
  }
  sender_.send_more();
  return false;
}

void StreamBytes::cancel_write(const Error& why) {
  was_cut_ = was_cut_ || (write_ != nullptr && !write_->buffers.empty());
  finish_write(why);
}

void StreamBytes::finish_write(const Result<void>& result) {
  if (write_ == nullptr) return;
  WriteOp& op = *std::exchange(write_, nullptr);
  op.result = result;
  loop().ready(op);
}

void StreamBytes::reset() {
  sender_.reset(ErrorNumber::cancel);
}

StreamEvents::Outgoing StreamBytes::outgoing() const {
  if (write_ == nullptr) return {};
  auto offset = offset_;
  for (auto index = buffer_; index < write_->buffers.size(); ++index, offset = 0) {
    const auto rest = write_->buffers[index].subspan(offset);
    const bool last = index + 1 == write_->buffers.size();
    if (!rest.empty()) return {rest, last && write_->end, {}};
  }
  return {{}, write_->end, {}};
}

void StreamBytes::taken(std::size_t bytes) {
  if (write_ == nullptr) return;
  while (buffer_ < write_->buffers.size()) {
    const auto part = std::min(bytes, write_->buffers[buffer_].size() - offset_);
    offset_ += part;
    bytes -= part;
    if (offset_ < write_->buffers[buffer_].size()) return;
    ++buffer_;
    offset_ = 0;
  }
  if (!write_->end) finish_write(Result<void>());
}

void StreamBytes::end_sent() {
  finish_write(Result<void>());
}

}  // namespace epaulet::http::http2

#include "io/reader.h"

#include <cstring>

namespace epaulet {

StreamReader::~StreamReader() {
  EPAULET_ASSERT(filling_ == nullptr);
  if (pending_) {
    stream_.cancel_read({ErrorCode::cancelled, Side::self, Stage::receive});
    ReadOp::unlink();
  }
}

void StreamReader::consume(std::size_t bytes) {
  EPAULET_ASSERT(bytes <= end_ - begin_);
  held_ = false;
  retired_.reset();
  begin_ += bytes;
  release_if_empty();
}

void StreamReader::release_if_empty() {
  if (begin_ != end_ || held_ || prepared_) return;
  begin_ = end_ = 0;
  block_.reset();
}

void StreamReader::move_to(Block larger_or_fresh) {
  const std::size_t size = end_ - begin_;
  std::memcpy(larger_or_fresh.data(), block_.data() + begin_, size);
  if (held_ && !retired_) retired_ = std::move(block_);
  block_ = std::move(larger_or_fresh);
  begin_ = 0;
  end_ = size;
}

void StreamReader::reserve(std::size_t bytes) {
  reserve_ = bytes;  // prepare() moves to a larger block when the one at hand is full.
}

Bytes StreamReader::prepare() {
  if (!block_) block_ = Block::allocate(reserve_);
  if (end_ == block_.size()) {
    if (begin_ == 0 || held_) {
      move_to(Block::allocate(std::max(reserve_, block_.size())));
    } else {
      std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
  }
  prepared_ = true;
  return block_.span().subspan(end_);
}

void StreamReader::unprepare() {
  prepared_ = false;
  release_if_empty();
}

void StreamReader::watch() {
  if (pending_ || ended_ || failed_ || !has_room()) return;
  if (stream_.start_read(*this)) {
    take_result();
  } else {
    pending_ = true;
  }
}

void StreamReader::take_result() {
  prepared_ = false;
  if (!result) {
    failed_ = result.error();
  } else if (*result == 0) {
    ended_ = true;
  } else {
    end_ += *result;
  }
  release_if_empty();
}

void StreamReader::run() {
  pending_ = false;
  take_result();
  if (filling_ != nullptr) return filling_->complete();
  if (observer_ != nullptr) observer_->on_input();
}

bool StreamReader::Fill::await_ready() {
  EPAULET_ASSERT(reader_.filling_ == nullptr);
  EPAULET_ASSERT(reader_.has_room());
  if (scope_.cancelled()) {
    result_ = *scope_.cancelled();
    return true;
  }
  had_ = reader_.buffered().size();
  reader_.watch();
  if (reader_.pending_) return false;
  if (reader_.failed_) {
    result_ = *reader_.failed_;
  } else {
    result_ = reader_.buffered().size() - had_;
  }
  return true;
}

void StreamReader::Fill::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  reader_.filling_ = this;
  scope_.add(*this);
}

void StreamReader::Fill::complete() {
  Cancellable::unlink();
  reader_.filling_ = nullptr;
  if (reader_.failed_) {
    result_ = *reader_.failed_;
  } else {
    result_ = reader_.buffered().size() - had_;
  }
  waiter_.resume();
}

void StreamReader::Fill::on_cancel(const Error& why) {
  // The read itself stays pending: what arrives later is kept for whoever comes next.
  reader_.filling_ = nullptr;
  result_ = why;
  reader_.stream_.loop().ready(*this);
}

}  // namespace epaulet

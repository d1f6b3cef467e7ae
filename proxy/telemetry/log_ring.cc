#include "telemetry/log_ring.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace epaulet::telemetry {

LogWake::LogWake() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  EPAULET_ASSERT(descriptor_ >= 0);
}

LogWake::~LogWake() {
  ::close(descriptor_);
}

void LogWake::signal() {
  const std::uint64_t one = 1;
  (void)!::write(descriptor_, &one, sizeof one);  // Only fails if it is signalled already.
}

void LogWake::awake() {
  sleeping_.store(false, std::memory_order_relaxed);
  std::uint64_t count = 0;
  (void)!::read(descriptor_, &count, sizeof count);
}

LogRing::LogRing(LogWake& wake)
    : wake_(wake), bytes_(std::make_unique_for_overwrite<char[]>(kSize)) {}

bool LogRing::push(std::string_view line) {
  const std::size_t head = head_.load(std::memory_order_relaxed);
  if (kSize - (head - known_tail_) < line.size()) {
    known_tail_ = tail_.load(std::memory_order_acquire);
    if (kSize - (head - known_tail_) < line.size()) {
      dropped_.store(dropped() + 1, std::memory_order_relaxed);
      return false;
    }
  }
  const std::size_t begin = head % kSize;
  const std::size_t until_end = std::min(line.size(), kSize - begin);
  std::memcpy(bytes_.get() + begin, line.data(), until_end);
  std::memcpy(bytes_.get(), line.data() + until_end, line.size() - until_end);
  // Sequentially consistent, as the writer's flag is: either it sees the line before it sleeps, or
  // we see that it sleeps.
  head_.store(head + line.size(), std::memory_order_seq_cst);
  wake_.line_added();
  return true;
}

LogRing::Waiting LogRing::waiting() const {
  const std::size_t tail = tail_.load(std::memory_order_relaxed);
  const std::size_t size = head_.load(std::memory_order_seq_cst) - tail;
  const std::size_t begin = tail % kSize;
  const std::size_t until_end = std::min(size, kSize - begin);
  return {{bytes_.get() + begin, until_end}, {bytes_.get(), size - until_end}};
}

void LogRing::release(std::size_t bytes) {
  tail_.store(tail_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
}

}  // namespace epaulet::telemetry

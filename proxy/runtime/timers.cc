#include "runtime/timers.h"

#include <algorithm>

#include "base/assert.h"

namespace epaulet {

namespace {
constexpr std::size_t kArity = 4;
}

void Timer::disarm() {
  if (queue_ != nullptr) queue_->disarm(*this);
}

TimerQueue::~TimerQueue() {
  for (const Entry& entry : heap_) entry.timer->queue_ = nullptr;
}

bool TimerQueue::before(const Entry& a, const Entry& b) {
  return a.due != b.due ? a.due < b.due : a.sequence < b.sequence;
}

void TimerQueue::place(std::size_t position, const Entry& entry) {
  heap_[position] = entry;
  entry.timer->position_ = position;
}

void TimerQueue::sift_up(std::size_t position, const Entry& moving) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / kArity;
    if (!before(moving, heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, moving);
}

void TimerQueue::sift_down(std::size_t position, const Entry& moving) {
  for (;;) {
    const std::size_t first = position * kArity + 1;
    if (first >= heap_.size()) break;
    const std::size_t end = std::min(first + kArity, heap_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(heap_[child], heap_[least])) least = child;
    }
    if (!before(heap_[least], moving)) break;
    place(position, heap_[least]);
    position = least;
  }
  place(position, moving);
}

/// Up or down, to where it belongs.
void TimerQueue::settle(std::size_t position, const Entry& moving) {
  if (position > 0 && before(moving, heap_[(position - 1) / kArity])) {
    sift_up(position, moving);
  } else {
    sift_down(position, moving);
  }
}

void TimerQueue::arm(Timer& timer, TimePoint due) {
  EPAULET_ASSERT(timer.queue_ == nullptr || timer.queue_ == this);
  // Armed for the past while others fire, it would stand before them and hold them up: it comes
  // behind all that were armed before.
  timer.due_ = std::max(due, firing_);
  const Entry entry{timer.due_, ++sequence_, &timer};
  if (timer.queue_ != nullptr) return settle(timer.position_, entry);
  timer.queue_ = this;
  heap_.push_back(entry);
  sift_up(heap_.size() - 1, entry);
}

void TimerQueue::disarm(Timer& timer) {
  if (timer.queue_ == nullptr) return;
  EPAULET_ASSERT(timer.queue_ == this && heap_[timer.position_].timer == &timer);
  timer.queue_ = nullptr;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (last.timer != &timer) settle(timer.position_, last);
}

std::optional<TimePoint> TimerQueue::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

std::size_t TimerQueue::fire_due(TimePoint now) {
  const std::uint64_t armed_until_here = sequence_;
  std::size_t fired = 0;
  firing_ = now;
  while (!heap_.empty() && heap_.front().due <= now && heap_.front().sequence <= armed_until_here) {
    Timer& timer = *heap_.front().timer;
    disarm(timer);
    timer.on_timer();
    ++fired;
  }
  firing_ = TimePoint::min();
  return fired;
}

}  // namespace epaulet

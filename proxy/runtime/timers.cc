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
  for (Timer* timer : heap_) timer->queue_ = nullptr;
}

bool TimerQueue::before(const Timer& a, const Timer& b) {
  return a.due_ != b.due_ ? a.due_ < b.due_ : a.sequence_ < b.sequence_;
}

void TimerQueue::place(std::size_t position, Timer* timer) {
  heap_[position] = timer;
  timer->position_ = position;
}

void TimerQueue::sift_up(std::size_t position) {
  Timer* moving = heap_[position];
  while (position > 0) {
    const std::size_t parent = (position - 1) / kArity;
    if (!before(*moving, *heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, moving);
}

void TimerQueue::sift_down(std::size_t position) {
  Timer* moving = heap_[position];
  for (;;) {
    const std::size_t first = position * kArity + 1;
    if (first >= heap_.size()) break;
    const std::size_t end = std::min(first + kArity, heap_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(*heap_[child], *heap_[least])) least = child;
    }
    if (!before(*heap_[least], *moving)) break;
    place(position, heap_[least]);
    position = least;
  }
  place(position, moving);
}

void TimerQueue::arm(Timer& timer, TimePoint due) {
  EPAULET_ASSERT(timer.queue_ == nullptr || timer.queue_ == this);
  // Armed for the past while others fire, it would stand before them and hold them up: it comes
  // behind all that were armed before.
  timer.due_ = std::max(due, firing_);
  timer.sequence_ = ++sequence_;
  if (timer.queue_ == nullptr) {
    timer.queue_ = this;
    heap_.push_back(&timer);
    timer.position_ = heap_.size() - 1;
    sift_up(timer.position_);
    return;
  }
  sift_up(timer.position_);
  sift_down(timer.position_);
}

void TimerQueue::disarm(Timer& timer) {
  if (timer.queue_ == nullptr) return;
  EPAULET_ASSERT(timer.queue_ == this && heap_[timer.position_] == &timer);
  const std::size_t hole = timer.position_;
  timer.queue_ = nullptr;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  place(hole, last);
  sift_up(hole);
  sift_down(last->position_);
}

std::optional<TimePoint> TimerQueue::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front()->due_;
}

std::size_t TimerQueue::fire_due(TimePoint now) {
  const std::uint64_t armed_until_here = sequence_;
  std::size_t fired = 0;
  firing_ = now;
  while (!heap_.empty() && heap_.front()->due_ <= now &&
         heap_.front()->sequence_ <= armed_until_here) {
    Timer& timer = *heap_.front();
    disarm(timer);
    timer.on_timer();
    ++fired;
  }
  firing_ = TimePoint::min();
  return fired;
}

}  // namespace epaulet

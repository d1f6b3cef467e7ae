#include "otlp/span_queue.h"

#include <algorithm>

#include "base/backoff.h"
#include "base/limits.h"

namespace epaulet::otlp {

std::string_view name_of(Drop why) {
  switch (why) {
    case Drop::queue_full:
      return "queue_full";
    case Drop::refused:
      return "refused";
    case Drop::unreachable:
      return "unreachable";
    case Drop::shutdown:
      return "shutdown";
    case Drop::count_:
      break;
  }
  return "";
}

void SpanQueue::configure(std::size_t most, std::chrono::nanoseconds interval) {
  most_ = most;
  interval_ = interval;
  while (waiting() > most_ && !queue_.empty()) {
    queue_.pop_back();
    drop(Drop::queue_full, 1);
  }
}

void SpanQueue::push(std::string_view packed, TimePoint now) {
  // The newest are dropped: what went before explains what comes.
  if (waiting() >= most_) return drop(Drop::queue_full, 1);
  if (queue_.empty()) oldest_ = now;
  queue_.emplace_back(packed);
}

std::optional<TimePoint> SpanQueue::next() const {
  if (!batch_.empty()) return retry_at_;
  if (queue_.empty()) return std::nullopt;
  return queue_.size() >= limits::kSpanBatchMax ? oldest_ : oldest_ + interval_;
}

std::span<const std::string> SpanQueue::batch(TimePoint now) {
  if (!batch_.empty()) return batch_;
  while (!queue_.empty() && batch_.size() < limits::kSpanBatchMax) {
    batch_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  first_sent_ = retry_at_ = now;
  failures_ = 0;
  return batch_;
}

void SpanQueue::end_batch(TimePoint now) {
  batch_.clear();
  // What has come meanwhile waits for others of its kind.
  oldest_ = now;
}

void SpanQueue::taken(std::uint64_t rejected, TimePoint now) {
  rejected = std::min<std::uint64_t>(rejected, batch_.size());
  sent_ += batch_.size() - rejected;
  drop(Drop::refused, rejected);
  end_batch(now);
}

void SpanQueue::refused(TimePoint now) {
  drop(Drop::refused, batch_.size());
  end_batch(now);
}

void SpanQueue::failed(TimePoint now, std::chrono::nanoseconds asked, double chance) {
  ++failures_;
  if (now - first_sent_ >= limits::kSpanGiveUpAfter) {
    drop(Drop::unreachable, batch_.size());
    batch_.clear();
    oldest_ = now;
    return;
  }
  const std::chrono::nanoseconds ours = backoff(failures_, limits::kSpanBackoffMax, chance);
  retry_at_ = now + std::max(ours, asked);
}

void SpanQueue::drop_all(Drop why) {
  drop(why, waiting());
  batch_.clear();
  queue_.clear();
}

}  // namespace epaulet::otlp

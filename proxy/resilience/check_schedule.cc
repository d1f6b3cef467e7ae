#include "resilience/check_schedule.h"

#include <algorithm>

namespace epaulet::resilience {

using std::chrono::nanoseconds;

void CheckSchedule::add(Id id, TimePoint first) {
  if (!waiting_.try_emplace(id, first).second) return;
  queue_.emplace(first, id);
}

void CheckSchedule::remove(Id id) {
  if (const auto found = waiting_.find(id); found != waiting_.end()) {
    queue_.erase({found->second, id});
    waiting_.erase(found);
  } else if (const auto busy = under_way_.find(id); busy != under_way_.end()) {
    busy->second = true;
  }
}

std::optional<CheckSchedule::Id> CheckSchedule::begin(TimePoint now) {
  if (under_way_.size() >= at_once_ || queue_.empty() || queue_.begin()->first > now)
    return std::nullopt;
  const Id id = queue_.begin()->second;
  queue_.erase(queue_.begin());
  waiting_.erase(id);
  under_way_.emplace(id, false);
  return id;
}

void CheckSchedule::ended(Id id, TimePoint next) {
  const auto found = under_way_.find(id);
  if (found == under_way_.end()) return;
  const bool has_left = found->second;
  under_way_.erase(found);
  if (!has_left) add(id, next);
}

std::optional<TimePoint> CheckSchedule::wake_at() const {
  if (queue_.empty() || under_way_.size() >= at_once_) return std::nullopt;
  return queue_.begin()->first;
}

nanoseconds pause_between_checks(nanoseconds interval, double jitter, Random& random) {
  const double factor = 1 + jitter * (2 * random.unit() - 1);
  return std::max<nanoseconds>(
      nanoseconds(static_cast<std::int64_t>(static_cast<double>(interval.count()) * factor)),
      nanoseconds(1));
}

nanoseconds pause_before_first(nanoseconds interval, bool is_awaited, Random& random) {
  if (is_awaited) return nanoseconds(0);
  const auto most = std::min<nanoseconds>(interval, std::chrono::seconds(1));
  return nanoseconds(
      static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most.count()))));
}

}  // namespace epaulet::resilience

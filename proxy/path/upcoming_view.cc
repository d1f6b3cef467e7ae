#include "path/upcoming_view.h"

#include <algorithm>
#include <utility>

namespace epaulet::path {

void UpcomingView::begin(SnapshotPtr snapshot, Random& random, const std::string& zone) {
  if (view_) {
    waiting_ = std::move(snapshot);
    return;
  }
  view_ = ViewPtr(new View(std::move(snapshot), random, zone));
  next_ = 0;
}

bool UpcomingView::make_some(const View& before, TimePoint now) {
  const auto& backends = view_->snapshot().backends;
  const auto end = std::min(backends.size(), next_ + kBackendsATurn);
  for (; next_ < end; ++next_) {
    const auto& name = backends[next_].settings->name;
    const auto told = told_.find(name);
    auto set = told != told_.end() ? told->second : before.find(name);
    if (set) view_->set_endpoints(name, std::move(set), now, before);
  }
  if (end < backends.size()) return false;
  // Also of those that were told behind the look at them.
  for (const auto& [name, set] : told_) {
    if (view_->find(name) != set) view_->set_endpoints(name, set, now, before);
  }
  return true;
}

UpcomingView::Made UpcomingView::take(Random& random, const std::string& zone) {
  Made made{std::move(view_), std::exchange(told_, std::exchange(told_waiting_, {}))};
  if (waiting_) begin(std::exchange(waiting_, nullptr), random, zone);
  return made;
}

bool UpcomingView::keep(const std::string& backend, const EndpointSetPtr& set) {
  if (!view_) return false;
  (waiting_ ? told_waiting_ : told_)[backend] = set;
  return true;
}

void UpcomingView::set_zone(const std::string& told) {
  if (view_) view_->set_zone(told);
}

}  // namespace epaulet::path

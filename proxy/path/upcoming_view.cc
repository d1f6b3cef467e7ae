#include "path/upcoming_view.h"

#include <algorithm>
#include <utility>

namespace epaulet::path {

void UpcomingView::begin(SnapshotPtr snapshot, Random& random, std::string zone) {
  view_ = ViewPtr(new View(std::move(snapshot), random, std::move(zone)));
  next_ = 0;
}

bool UpcomingView::make_some(const View& before, TimePoint now) {
  const auto& backends = view_->snapshot().backends;
  const auto end = std::min(backends.size(), next_ + kBackendsATurn);
  for (; next_ < end; ++next_) {
    const auto& name = backends[next_].settings->name;
    auto set = before.find(name);
    if (const auto told = told_.find(name); told != told_.end()) set = told->second;
    if (set) view_->set_endpoints(name, std::move(set), now, before);
  }
  if (end < backends.size()) return false;
  // Also of those that were told behind the look at them.
  for (const auto& [name, set] : std::exchange(told_, {})) {
    if (view_->find(name) != set) view_->set_endpoints(name, set, now, before);
  }
  return true;
}

ViewPtr UpcomingView::take() {
  return std::move(view_);
}

void UpcomingView::set_endpoints(const std::string& backend, const EndpointSetPtr& set) {
  if (view_) told_[backend] = set;
}

void UpcomingView::set_zone(const std::string& told) {
  if (view_) view_->set_zone(told);
}

}  // namespace epaulet::path

#include "discovery/directory_feed.h"

#include <algorithm>
#include <utility>

namespace epaulet {
namespace {

/// What is not known is not gone: a directory that starts while the API server is slow to tell of
/// routes withdraws none, nor does one that found a version refused and knows none before it.
std::vector<ServiceView::Route> routes_after(const std::vector<ServiceView::Route>& before,
                                             const ServiceView& view) {
  auto routes = view.routes;
  for (const auto& each : before) {
    const bool is_known =
        each.name.starts_with("GRPCRoute ") ? view.knows_grpc_routes : view.knows_http_routes;
    const bool is_told = std::any_of(view.routes.begin(), view.routes.end(),
                                     [&](const auto& told) { return told.name == each.name; });
    const bool is_refused = std::any_of(
        view.refused_routes.begin(), view.refused_routes.end(), [&](const auto& refused) {
          return refused.name == each.name && refused.created == each.created;
        });
    if ((!is_known || is_refused) && !is_told) routes.push_back(each);
  }
  return routes;
}

}  // namespace

DirectoryFeed::Listener::Listener(DirectoryFeed& feed, std::string service)
    : feed_(&feed), service_(std::move(service)) {
  auto& listeners = feed.entries_[service_].listeners;
  listeners.push_back(this);
  if (listeners.size() == 1 && feed.on_wanted_) feed.on_wanted_();
}

DirectoryFeed::Listener::~Listener() {
  leave();
}

void DirectoryFeed::Listener::leave() {
  if (feed_ == nullptr) return;
  auto& feed = *std::exchange(feed_, nullptr);
  const auto found = feed.entries_.find(service_);
  std::erase(found->second.listeners, this);
  if (!found->second.listeners.empty()) return;
  feed.entries_.erase(found);
  if (feed.on_wanted_) feed.on_wanted_();
}

ServiceViewPtr DirectoryFeed::Listener::view() const {
  return feed_ == nullptr ? nullptr : feed_->entries_.at(service_).view;
}

std::vector<std::string> DirectoryFeed::wanted() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

bool DirectoryFeed::knows_all() const {
  return std::all_of(entries_.begin(), entries_.end(),
                     [](const auto& item) { return item.second.view != nullptr; });
}

std::vector<ServiceView::Route> DirectoryFeed::routes() const {
  std::map<std::string, const ServiceView::Route*> by_name;  // One may have several parents.
  for (const auto& [service, routes] : routes_) {
    if (!entries_.contains(service)) continue;
    for (const auto& route : routes) by_name.emplace(route.name, &route);
  }
  std::vector<ServiceView::Route> all;
  all.reserve(by_name.size());
  for (const auto& [name, route] : by_name) all.push_back(*route);
  return all;
}

void DirectoryFeed::take(const ServiceViewPtr& view) {
  const auto found = entries_.find(view->service);
  if (found == entries_.end()) return;
  found->second.view = view;
  for (auto* listener : found->second.listeners) listener->on_view(view);
  std::erase_if(routes_, [this](const auto& item) { return !entries_.contains(item.first); });
  const auto known = routes_.find(view->service);
  const auto before = known == routes_.end() ? std::vector<ServiceView::Route>() : known->second;
  auto after = routes_after(before, *view);
  if (before == after) return;
  routes_[view->service] = std::move(after);
  if (on_routes_) on_routes_();
}

}  // namespace epaulet

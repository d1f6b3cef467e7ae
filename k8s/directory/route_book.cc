#include "k8s/directory/route_book.h"

#include <algorithm>

namespace epaulet::kube {
namespace {

RouteBook::Key key_of(RouteKind kind, const RouteFacts& names) {
  return {kind, names.name_space + "/" + names.name};
}

}  // namespace

std::set<std::string> RouteBook::put(RouteKind kind, RouteFacts&& facts, std::uint32_t list) {
  const auto key = key_of(kind, facts);
  // Without a Service it is none of ours, but for what we have once said of it.
  if (facts.parents.empty() && facts.status_parents.find(kControllerName) == std::string::npos)
    return remove(kind, facts);
  auto& route = routes_[key];
  route.seen = list;
  const bool is_same = route.facts.document == facts.document && !route.facts.uid.empty() &&
                       route.facts.uid == facts.uid;
  const bool is_another = route.facts.uid != facts.uid;
  route.facts = std::move(facts);
  if (is_same) {  // A status, or a list that is read again.
    if (route.refused.empty()) route.generation = route.facts.generation;
    return {};
  }
  route.refused = judge_(route.facts, kind);
  // An object of the same name that was made anew has no last good version.
  if (!route.refused.empty() && !is_another) return {};
  auto touched = std::exchange(route.services, {});
  route.document.clear();
  if (route.refused.empty()) {
    route.document = route.facts.document;
    route.generation = route.facts.generation;
    for (const auto& parent : route.facts.parents) route.services.insert(parent.service());
  }
  for (const auto& service : route.services) by_service_[service].insert(key);
  for (const auto& service : touched) {
    auto& keys = by_service_[service];
    if (!route.services.contains(service)) keys.erase(key);
    if (keys.empty()) by_service_.erase(service);
  }
  touched.insert(route.services.begin(), route.services.end());
  return touched;
}

std::set<std::string> RouteBook::remove(RouteKind kind, const RouteFacts& names) {
  const auto key = key_of(kind, names);
  const auto found = routes_.find(key);
  if (found == routes_.end()) return {};
  auto touched = std::move(found->second.services);
  routes_.erase(found);
  for (const auto& service : touched) {
    by_service_[service].erase(key);
    if (by_service_[service].empty()) by_service_.erase(service);
  }
  return touched;
}

std::set<std::string> RouteBook::end_list(RouteKind kind, std::uint32_t list) {
  std::vector<RouteFacts> gone;
  for (const auto& [key, route] : routes_)
    if (key.first == kind && route.seen != list) gone.push_back(route.facts);
  std::set<std::string> touched;
  for (const auto& each : gone) touched.merge(remove(kind, each));
  return touched;
}

std::string RouteBook::documents_for(const std::string& service) const {
  const auto found = by_service_.find(service);
  if (found == by_service_.end()) return "";
  boost::json::array documents;
  for (const auto& key : found->second) {
    if (documents.size() == kPerServiceMax) break;
    documents.emplace_back(routes_.at(key).document);
  }
  return boost::json::serialize(documents);
}

bool RouteBook::is_told(const Key& key, const std::string& service) const {
  const auto found = by_service_.find(service);
  if (found == by_service_.end()) return false;
  const auto at = found->second.find(key);
  return at != found->second.end() &&
         static_cast<std::size_t>(std::distance(found->second.begin(), at)) < kPerServiceMax;
}

std::size_t RouteBook::count(RouteKind kind) const {
  return static_cast<std::size_t>(
      std::count_if(routes_.begin(), routes_.end(),
                    [kind](const auto& item) { return item.first.first == kind; }));
}

const RouteBook::Route* RouteBook::find(const Key& key) const {
  const auto found = routes_.find(key);
  return found == routes_.end() ? nullptr : &found->second;
}

}  // namespace epaulet::kube

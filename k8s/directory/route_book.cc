#include "k8s/directory/route_book.h"

#include <algorithm>

namespace epaulet::kube {
namespace {

RouteBook::Key key_of(RouteKind kind, const RouteFacts& names) {
  return {kind, names.name_space + "/" + names.name};
}

std::string namespace_of(const RouteBook::Key& key) {
  return key.second.substr(0, key.second.find('/'));
}

/// Of NAME.NAMESPACE.
std::string own_namespace(const std::string& service) {
  const auto dot = service.find('.');
  return dot == service.npos ? "" : service.substr(dot + 1);
}

}  // namespace

/// Where it stands from now on; services that may hear of it.
std::set<std::string> RouteBook::place(const Key& key, Route& route, std::set<std::string> services,
                                       std::set<std::string> refused_for) {
  std::set<std::string> touched;
  const auto change = [&](Places& places, std::set<std::string>& before,
                          std::set<std::string> after) {
    for (const auto& service : before) {
      touched.insert(service);
      auto& of_service = places[service];
      of_service[namespace_of(key)].erase(key);
      std::erase_if(of_service, [](const auto& each) { return each.second.empty(); });
      if (of_service.empty()) places.erase(service);
    }
    for (const auto& service : after) {
      touched.insert(service);
      places[service][namespace_of(key)].insert(key);
    }
    before = std::move(after);
  };
  change(in_force_, route.services, std::move(services));
  change(refused_, route.refused_for, std::move(refused_for));
  return touched;
}

std::set<std::string> RouteBook::put(RouteKind kind, RouteFacts&& facts, std::uint32_t list) {
  const auto key = key_of(kind, facts);
  // Without a Service it is none of ours, but for what we have once said of it.
  if (facts.parents.empty() && facts.status_parents.find(kControllerName) == std::string::npos)
    return remove(kind, facts);
  auto& route = routes_[key];
  route.seen = list;
  const bool is_same = route.facts.document == facts.document && !facts.document.empty() &&
                       !route.facts.uid.empty() && route.facts.uid == facts.uid;
  const bool is_another = route.facts.uid != facts.uid;
  route.facts = std::move(facts);
  if (is_same) {  // A status, or a list that is read again.
    if (route.refused.empty()) route.generation = route.facts.generation;
    return {};
  }
  std::set<std::string> parents;
  for (const auto& parent : route.facts.parents) parents.insert(parent.service());
  route.refused = judge_(route.facts, kind);
  if (route.refused.empty()) {
    route.document = route.facts.document;
    route.generation = route.facts.generation;
    return place(key, route, std::move(parents), {});
  }
  // An object of the same name that was made anew has no last good version.
  if (is_another) route.document.clear();
  if (!route.document.empty()) return {};
  if (!is_another && route.refused_for == parents) return {};
  return place(key, route, {}, std::move(parents));
}

std::set<std::string> RouteBook::remove(RouteKind kind, const RouteFacts& names) {
  const auto found = routes_.find(key_of(kind, names));
  if (found == routes_.end()) return {};
  auto touched = place(found->first, found->second, {}, {});
  routes_.erase(found);
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

bool RouteBook::has_of_consumer(const std::string& service, const std::string& name_space) const {
  if (name_space == own_namespace(service)) return false;
  for (const auto* places : {&in_force_, &refused_}) {
    const auto found = places->find(service);
    if (found != places->end() && found->second.contains(name_space)) return true;
  }
  return false;
}

std::vector<RouteBook::Key> RouteBook::keys_for(const Places& places, const std::string& service,
                                                const std::string& caller) {
  std::vector<Key> keys;
  const auto found = places.find(service);
  if (found == places.end()) return keys;
  const auto own = own_namespace(service);
  const auto take = [&](const std::string& name_space) {
    const auto written = found->second.find(name_space);
    if (written == found->second.end()) return;
    std::size_t left = kPerServiceMax;
    for (auto key = written->second.begin(); key != written->second.end() && left > 0;
         ++key, --left)
      keys.push_back(*key);
  };
  take(own);
  if (caller != own) take(caller);
  return keys;
}

std::string RouteBook::documents_for(const std::string& service, const std::string& caller) const {
  boost::json::array documents;
  for (const auto& key : keys_for(in_force_, service, caller))
    documents.emplace_back(routes_.at(key).document);
  return documents.empty() ? "" : boost::json::serialize(documents);
}

std::string RouteBook::refused_for(const std::string& service, const std::string& caller) const {
  boost::json::array refused;
  for (const auto& key : keys_for(refused_, service, caller)) {
    const auto& facts = routes_.at(key).facts;
    boost::json::object one;
    one["name"] = std::string(kind_word(key.first)) + " " + facts.name + "." + facts.name_space;
    one["created"] = facts.created;
    refused.push_back(std::move(one));
  }
  return refused.empty() ? "" : boost::json::serialize(refused);
}

bool RouteBook::is_told(const Key& key, const std::string& service) const {
  const auto keys = keys_for(in_force_, service, namespace_of(key));
  return std::find(keys.begin(), keys.end(), key) != keys.end();
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

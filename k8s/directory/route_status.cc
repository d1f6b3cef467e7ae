#include "k8s/directory/route_status.h"

#include <fmt/format.h>

#include <algorithm>

#include "k8s/api/json_access.h"

namespace epaulet::kube {
namespace {

constexpr std::size_t kMessageMax = 1024;  // The API's own limits are 32 KiB and 1 KiB (Event).

RouteCondition is(bool is_true, std::string reason, std::string message) {
  RouteCondition condition;
  condition.is_true = is_true;
  condition.reason = std::move(reason);
  condition.message = std::move(message);
  if (condition.message.size() > kMessageMax) condition.message.resize(kMessageMax);
  return condition;
}

/// Whether the Service has what the parent names of it.
bool has_port(const ServiceFacts& service, const RouteFacts::Parent& parent) {
  if (parent.port == 0 && parent.section_name.empty()) return true;
  return std::any_of(service.ports.begin(), service.ports.end(), [&](const ServicePort& port) {
    return (parent.port == 0 || parent.port == port.port) &&
           (parent.section_name.empty() || parent.section_name == port.name);
  });
}

RouteCondition accepted(const RouteBook::Key& key, const RouteBook::Route& route,
                        const RouteFacts::Parent& parent, const Model& model) {
  const auto* service = model.service(parent.service());
  if (service == nullptr)
    return is(false, "NoMatchingParent", "there is no Service " + parent.service());
  if (!has_port(*service, parent))
    return is(false, "NoMatchingParent", "the Service " + parent.service() + " has no such port");
  if (!route.refused.empty()) {
    auto refused = is(false, "UnsupportedValue", route.refused);
    refused.remark = route.document.empty()
                         ? std::string(
                               " (no version of it is known here; sidecars that have an "
                               "earlier one keep it)")
                         : fmt::format(" (generation {} stays in force)", route.generation);
    return refused;
  }
  if (!model.routes().is_told(key, parent.service()))
    return is(false, "UnsupportedValue",
              fmt::format("the Service {} has more than {} routes in this namespace, and those "
                          "first by their names are in force",
                          parent.service(), RouteBook::kPerServiceMax));
  return is(true, "Accepted", "sidecars that dial the Service by the directory are told");
}

RouteCondition resolved(const RouteBook::Route& route, const Model& model) {
  for (const auto& backend : route.facts.backends) {
    if (backend.kind != "Service")
      return is(false, "InvalidKind", "a backend of kind " + backend.kind + " is not supported");
    if (model.service(backend.service) == nullptr)
      return is(false, "BackendNotFound", "there is no Service " + backend.service);
  }
  return is(true, "ResolvedRefs", "all backends are there");
}

json::object condition_of(std::string_view type, const RouteCondition& is_so,
                          std::int64_t generation, std::string_view now) {
  json::object condition;
  condition["type"] = type;
  condition["status"] = is_so.is_true ? "True" : "False";
  condition["reason"] = is_so.reason;
  condition["message"] = is_so.message + is_so.remark;
  condition["observedGeneration"] = generation;
  condition["lastTransitionTime"] = now;
  return condition;
}

/// But for the remark, and for the time.
bool is_said(const json::object* last, const json::object& said, const RouteCondition& is_so) {
  const auto is_same = [&](const char* key) {
    const auto* before = last->if_contains(key);
    return before != nullptr && *before == said.at(key);
  };
  return last != nullptr && is_same("status") && is_same("reason") &&
         is_same("observedGeneration") && !is_so.remark.empty() &&
         text_in(*last, "message").starts_with(is_so.message);
}

const json::object* find_condition(const json::object* parent, std::string_view type) {
  const auto* conditions = parent == nullptr ? nullptr : array_in(*parent, "conditions");
  if (conditions == nullptr) return nullptr;
  for (const auto& each : *conditions) {
    const auto* one = each.if_object();
    if (one != nullptr && text_in(*one, "type") == type) return one;
  }
  return nullptr;
}

bool is_ours(const json::value& parent) {
  const auto* object = parent.if_object();
  return object != nullptr && text_in(*object, "controllerName") == kControllerName;
}

const json::object* find_ours(const json::array& parents, const json::value& reference) {
  for (const auto& each : parents) {
    if (!is_ours(each)) continue;
    const auto* said = each.get_object().if_contains("parentRef");
    if (said != nullptr && *said == reference) return &each.get_object();
  }
  return nullptr;
}

json::value parsed(std::string_view text) {
  json::error_code error;
  auto value = json::parse(json::string_view(text.data(), text.size()), error);
  return error ? json::value() : value;
}

}  // namespace

std::vector<ParentConditions> conditions_of(const RouteBook::Key& key,
                                            const RouteBook::Route& route, const Model& model) {
  std::vector<ParentConditions> all;
  for (const auto& parent : route.facts.parents) {
    ParentConditions one;
    one.reference = parent.reference;
    one.accepted = accepted(key, route, parent, model);
    one.resolved_refs = resolved(route, model);
    all.push_back(std::move(one));
  }
  return all;
}

std::optional<std::string> new_parents(const RouteFacts& route,
                                       const std::vector<ParentConditions>& wanted,
                                       std::string_view now) {
  auto before = parsed(route.status_parents);
  if (!before.is_array()) before.emplace_array();
  const auto& old = before.get_array();
  json::array parents;  // Others' first.
  json::array ours_before;
  for (const auto& each : old) (is_ours(each) ? ours_before : parents).push_back(each);
  json::array ours;
  for (const auto& each : wanted) {
    auto reference = parsed(each.reference);
    const auto* known = find_ours(old, reference);
    json::array conditions;
    for (const auto& [type, condition] :
         {std::pair<std::string_view, const RouteCondition&>("Accepted", each.accepted),
          {"ResolvedRefs", each.resolved_refs}}) {
      auto said = condition_of(type, condition, route.generation, now);
      const auto* last = find_condition(known, type);
      if (is_said(last, said, condition)) {
        conditions.push_back(*last);
        continue;
      }
      if (last != nullptr && text_in(*last, "status") == text_in(said, "status")) {
        const auto* since = last->if_contains("lastTransitionTime");
        if (since != nullptr && since->is_string()) said["lastTransitionTime"] = *since;
      }
      conditions.push_back(std::move(said));
    }
    json::object parent;
    parent["parentRef"] = std::move(reference);
    parent["controllerName"] = kControllerName;
    parent["conditions"] = std::move(conditions);
    ours.push_back(std::move(parent));
  }
  if (ours == ours_before) return std::nullopt;
  parents.insert(parents.end(), ours.begin(), ours.end());
  return json::serialize(parents);
}

std::string status_patch(const RouteFacts& route, std::string_view parents) {
  json::object metadata;
  metadata["resourceVersion"] = route.resource_version;
  json::object status;
  status["parents"] = parsed(parents);
  json::object patch;
  patch["metadata"] = std::move(metadata);
  patch["status"] = std::move(status);
  return json::serialize(patch);
}

std::string event_of(const RouteFacts& route, RouteKind kind, std::string_view refused,
                     std::string_view now) {
  std::uint64_t digest = 14695981039346656037ull;  // FNV-1a.
  const auto add = [&digest](std::string_view text) {
    for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  };
  add(route.uid);
  add(std::to_string(route.generation));
  add(refused);
  json::object involved;
  involved["apiVersion"] = kRouteApi;
  involved["kind"] = kind_word(kind);
  involved["namespace"] = route.name_space;
  involved["name"] = route.name;
  involved["uid"] = route.uid;
  json::object metadata;
  // A name has 253 bytes at most, and this is a suffix of 17.
  metadata["name"] = fmt::format("{}.{:016x}", route.name.substr(0, 236), digest);
  metadata["namespace"] = route.name_space;
  json::object source;
  source["component"] = "epaulet-directory";
  json::object event;
  event["apiVersion"] = "v1";
  event["kind"] = "Event";
  event["metadata"] = std::move(metadata);
  event["involvedObject"] = std::move(involved);
  event["reason"] = "RouteRefused";
  event["message"] = refused.substr(0, kMessageMax);
  event["type"] = "Warning";
  event["source"] = std::move(source);
  event["reportingComponent"] = kControllerName;
  event["firstTimestamp"] = now;
  event["lastTimestamp"] = now;
  event["count"] = 1;
  return json::serialize(event);
}

}  // namespace epaulet::kube

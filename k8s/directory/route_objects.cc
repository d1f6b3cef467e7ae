#include "k8s/directory/route_objects.h"

#include "k8s/api/json_access.h"

namespace epaulet::kube {
namespace {

constexpr std::size_t kParentsMax = 32;  // The API's own limits are 32 and 16 rules with 16.
constexpr std::size_t kBackendsMax = 1024;
constexpr std::size_t kNameMax = 253;
constexpr std::size_t kStatusBytesMax = 256 * 1024;

bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  return !text.empty() && text.size() <= kNameMax && text.find_first_not_of(kAllowed) == text.npos;
}

std::string text_or(const json::object& from, std::string_view key, std::string_view otherwise) {
  const auto* found = from.if_contains(key);
  const auto* text = found == nullptr ? nullptr : found->if_string();
  return std::string(text == nullptr ? otherwise : std::string_view(*text));
}

bool is_core(const json::object& reference, std::string_view otherwise) {
  const auto group = text_or(reference, "group", otherwise);
  return group.empty() || group == "core";
}

void read_parents(const json::object& spec, RouteFacts& to) {
  const auto* parents = array_in(spec, "parentRefs");
  if (parents == nullptr) return;
  for (const auto& each : *parents) {
    const auto* reference = each.if_object();
    if (reference == nullptr || to.parents.size() == kParentsMax) continue;
    if (text_or(*reference, "kind", "Gateway") != "Service" || !is_core(*reference, kRouteGroup))
      continue;
    RouteFacts::Parent parent;
    parent.reference = json::serialize(*reference);
    parent.name = text_in(*reference, "name");
    parent.name_space = text_or(*reference, "namespace", to.name_space);
    parent.section_name = text_in(*reference, "sectionName");
    const auto port = number_in(*reference, "port");
    if (port && *port > 0 && *port <= 65535) parent.port = static_cast<std::uint16_t>(*port);
    if (is_name(parent.name) && is_name(parent.name_space)) to.parents.push_back(std::move(parent));
  }
}

void read_backend(const json::object& reference, RouteFacts& to) {
  if (to.backends.size() == kBackendsMax) return;
  RouteFacts::Backend backend;
  backend.kind = text_or(reference, "kind", "Service");
  if (!is_core(reference, "")) backend.kind = text_or(reference, "group", "") + "/" + backend.kind;
  backend.service =
      text_or(reference, "name", "") + "." + text_or(reference, "namespace", to.name_space);
  to.backends.push_back(std::move(backend));
}

void read_mirrors(const json::object& from, RouteFacts& to) {
  const auto* filters = array_in(from, "filters");
  if (filters == nullptr) return;
  for (const auto& each : *filters) {
    const auto* filter = each.if_object();
    const auto* mirror = filter == nullptr ? nullptr : object_in(*filter, "requestMirror");
    const auto* backend = mirror == nullptr ? nullptr : object_in(*mirror, "backendRef");
    if (backend != nullptr) read_backend(*backend, to);
  }
}

void read_backends(const json::object& spec, RouteFacts& to) {
  const auto* rules = array_in(spec, "rules");
  if (rules == nullptr) return;
  for (const auto& each : *rules) {
    const auto* rule = each.if_object();
    if (rule == nullptr) continue;
    read_mirrors(*rule, to);
    const auto* backends = array_in(*rule, "backendRefs");
    if (backends == nullptr) continue;
    for (const auto& one : *backends) {
      const auto* backend = one.if_object();
      if (backend == nullptr) continue;
      read_backend(*backend, to);
      read_mirrors(*backend, to);
    }
  }
}

/// Without what Kubernetes keeps for itself, which may be much.
std::string document_of(const json::object& metadata, const json::object& spec, RouteKind kind) {
  json::object names;
  for (const auto* key : {"name", "namespace", "creationTimestamp"}) {
    if (const auto* value = metadata.if_contains(key); value != nullptr && value->is_string())
      names[key] = *value;
  }
  json::object root;
  root["apiVersion"] = kRouteApi;
  root["kind"] = kind_word(kind);
  root["metadata"] = std::move(names);
  root["spec"] = spec;
  auto text = json::serialize(root);
  if (text.size() > kRouteBytesMax) text.clear();
  return text;
}

bool read_route(const json::object& from, RouteKind kind, RouteFacts& to) {
  const auto* metadata = object_in(from, "metadata");
  const auto* spec = object_in(from, "spec");
  if (metadata == nullptr || spec == nullptr) return false;
  to.name_space = text_in(*metadata, "namespace");
  to.name = text_in(*metadata, "name");
  if (!is_name(to.name) || !is_name(to.name_space)) return false;
  to.uid = text_in(*metadata, "uid").substr(0, kNameMax);
  to.resource_version = text_in(*metadata, "resourceVersion").substr(0, kNameMax);
  to.generation = number_in(*metadata, "generation").value_or(0);
  to.created = text_in(*metadata, "creationTimestamp").substr(0, kNameMax);
  const auto* status = object_in(from, "status");
  const auto* parents = status == nullptr ? nullptr : array_in(*status, "parents");
  to.status_parents = parents == nullptr ? "[]" : json::serialize(*parents);
  if (to.status_parents.size() > kStatusBytesMax) return false;
  read_parents(*spec, to);
  if (to.parents.empty()) return true;  // Nothing of the rest is looked at.
  read_backends(*spec, to);
  to.document = document_of(*metadata, *spec, kind);
  return true;
}

}  // namespace

std::string_view kind_word(RouteKind kind) {
  return kind == RouteKind::http_route ? "HTTPRoute" : "GRPCRoute";
}

std::string_view plural_of(RouteKind kind) {
  return kind == RouteKind::http_route ? "httproutes" : "grpcroutes";
}

bool read_facts(const json::object& from, HttpRouteFacts& to) {
  return read_route(from, HttpRouteFacts::kKind, to);
}

bool read_facts(const json::object& from, GrpcRouteFacts& to) {
  return read_route(from, GrpcRouteFacts::kKind, to);
}

}  // namespace epaulet::kube

#include "discovery/service_view.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

#include "base/limits.h"

namespace epaulet {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 8;
/// EndpointSlice API: an endpoint has at most so many hints.
constexpr std::size_t kHintsMax = 8;
constexpr std::size_t kZoneBytesMax = 253;
/// Of a service: its own, and those of our namespace.
constexpr std::size_t kRoutesMax = 64;
/// A Service has one of each family.
constexpr std::size_t kClusterIpsMax = 2;

std::string_view text_in(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  const auto* text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

bool flag_in(const json::object& from, std::string_view key, bool otherwise) {
  const auto* found = from.if_contains(key);
  const auto* flag = found == nullptr ? nullptr : found->if_bool();
  return flag == nullptr ? otherwise : *flag;
}

const json::array* array_in(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found == nullptr ? nullptr : found->if_array();
}

std::uint16_t as_port(const json::value* value) {
  const auto* number = value == nullptr ? nullptr : value->if_int64();
  return number != nullptr && *number > 0 && *number <= 65535 ? static_cast<std::uint16_t>(*number)
                                                              : 0;
}

void read_cluster_ips(const json::array& from, ServiceView& view) {
  for (const auto& each : from) {
    const auto* text = each.if_string();
    const auto address = text == nullptr ? std::nullopt : IpAddress::parse(std::string_view(*text));
    if (address && view.cluster_ips.size() < kClusterIpsMax) view.cluster_ips.push_back(*address);
  }
}

void read_ports(const json::array& from, ServiceView& view) {
  for (const auto& each : from) {
    const auto* object = each.if_object();
    const auto number = object == nullptr ? std::uint16_t{0} : as_port(object->if_contains("port"));
    if (number == 0) continue;
    auto& port = view.ports.emplace_back();
    port.port = number;
    port.name = text_in(*object, "name");
    port.app_protocol = text_in(*object, "app_protocol");
  }
}

std::optional<ServiceView::Endpoint> read_endpoint(const json::object& from) {
  const auto address = IpAddress::parse(text_in(from, "address"));
  if (!address) return std::nullopt;
  ServiceView::Endpoint endpoint;
  endpoint.address = *address;
  endpoint.ready = flag_in(from, "ready", true);
  endpoint.serving = flag_in(from, "serving", endpoint.ready);
  endpoint.terminating = flag_in(from, "terminating", false);
  endpoint.zone = text_in(from, "zone");
  if (const auto* zones = array_in(from, "for_zones")) {
    for (const auto& each : *zones) {
      const auto* text = each.if_string();
      if (text != nullptr && !text->empty() && endpoint.for_zones.size() < kHintsMax)
        endpoint.for_zones.emplace_back(std::string_view(*text));
    }
  }
  endpoint.identity = text_in(from, "identity");
  return endpoint;
}

void read_group(const json::object& from, ServiceView& view) {
  auto& group = view.groups.emplace_back();
  const auto* ports = from.if_contains("ports");
  if (ports != nullptr && ports->is_object()) {
    for (const auto& member : ports->get_object()) {
      const auto key = std::string_view(member.key());
      const auto address = SocketAddress::parse("0.0.0.0:" + std::string(key));
      const auto target = as_port(&member.value());
      if (address && address->port != 0 && target != 0) group.ports[address->port] = target;
    }
  }
  const auto* endpoints = array_in(from, "endpoints");
  if (endpoints == nullptr) return;
  for (const auto& each : *endpoints) {
    const auto* object = each.if_object();
    auto endpoint = object == nullptr ? std::nullopt : read_endpoint(*object);
    if (endpoint) group.endpoints.push_back(std::move(*endpoint));
  }
}

/// They come as texts; what is in them is read by config/, as routes and nothing else: a directory
/// tells a sidecar no other part of its configuration.
void read_routes(const json::array& from, ServiceView& view) {
  constexpr std::size_t kNestedMax = 64;
  for (const auto& each : from) {
    const auto* text = each.if_string();
    if (text == nullptr || view.routes.size() == kRoutesMax) continue;
    json::parse_options options;
    options.max_depth = kNestedMax;
    json::error_code error;
    const auto document = json::parse(*text, error, {}, options);
    const auto* root = error ? nullptr : document.if_object();
    const auto* metadata = root == nullptr ? nullptr : root->if_contains("metadata");
    if (metadata == nullptr || !metadata->is_object()) continue;
    const auto kind = text_in(*root, "kind");
    if (kind != "HTTPRoute" && kind != "GRPCRoute") continue;
    if (!text_in(*root, "apiVersion").starts_with("gateway.networking.k8s.io/")) continue;
    const auto& names = metadata->get_object();
    ServiceView::Route route;
    route.name.append(kind).append(" ").append(text_in(names, "name"));
    route.name.append(".").append(text_in(names, "namespace"));
    route.document = json::serialize(*root);  // As it was understood here.
    route.created = text_in(names, "creationTimestamp");
    view.routes.push_back(std::move(route));
  }
}

void read_refused(const json::array& from, ServiceView& view) {
  for (const auto& each : from) {
    const auto* object = each.if_object();
    if (object == nullptr || view.refused_routes.size() == kRoutesMax) continue;
    ServiceView::RefusedRoute refused;
    refused.name = text_in(*object, "name");
    refused.created = text_in(*object, "created");
    view.refused_routes.push_back(std::move(refused));
  }
}

void read_unknown(const json::array& kinds, ServiceView& view) {
  for (const auto& each : kinds) {
    const auto* kind = each.if_string();
    if (kind != nullptr && *kind == "HTTPRoute") view.knows_http_routes = false;
    if (kind != nullptr && *kind == "GRPCRoute") view.knows_grpc_routes = false;
  }
}

/// How soon it is used: ready ones; those that end but still serve; no others.
std::size_t rank_of(const ServiceView::Endpoint& endpoint) {
  if (endpoint.ready) return 0;
  return endpoint.serving && endpoint.terminating ? 1 : 2;
}

/// A backend has a bound of endpoints: those that are of use come first.
void cut(ServiceView& view) {
  std::array<std::size_t, 3> have{};
  for (const auto& group : view.groups)
    for (const auto& each : group.endpoints) ++have[rank_of(each)];
  std::size_t room = limits::kEndpointsPerBackendMax;
  for (auto& count : have) {
    count = std::min(count, room);
    room -= count;
  }
  for (auto& group : view.groups) {
    std::vector<ServiceView::Endpoint> kept;
    for (auto& each : group.endpoints) {
      auto& left = have[rank_of(each)];
      if (left == 0) continue;
      --left;
      kept.push_back(std::move(each));
    }
    group.endpoints = std::move(kept);
  }
}

}  // namespace

DirectoryLine read_directory_line(std::string_view line) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  const auto document =
      json::parse(json::string_view(line.data(), line.size()), error, {}, options);
  const auto* root = error ? nullptr : document.if_object();
  if (root == nullptr) return UnknownLine();
  const auto service = text_in(*root, "service");
  if (service.empty()) {
    const auto version = text_in(*root, "version");
    if (!version.empty()) return DirectoryVersion{std::string(version)};
    const auto zone = text_in(*root, "zone");
    if (zone.empty() || zone.size() > kZoneBytesMax) return UnknownLine();
    return DirectoryZone{std::string(zone)};
  }
  auto view = std::make_shared<ServiceView>();
  view->service = service;
  view->is_absent = flag_in(*root, "absent", false);
  view->is_headless = flag_in(*root, "headless", false);
  view->external_name = text_in(*root, "external_name");
  if (const auto* addresses = array_in(*root, "cluster_ips")) read_cluster_ips(*addresses, *view);
  if (const auto* ports = array_in(*root, "ports")) read_ports(*ports, *view);
  if (const auto* groups = array_in(*root, "groups")) {
    for (const auto& each : *groups)
      if (const auto* object = each.if_object()) read_group(*object, *view);
  }
  if (const auto* routes = array_in(*root, "routes")) read_routes(*routes, *view);
  if (const auto* refused = array_in(*root, "routes_refused")) read_refused(*refused, *view);
  if (const auto* unknown = array_in(*root, "routes_unknown")) read_unknown(*unknown, *view);
  cut(*view);
  return ServiceViewPtr(std::move(view));
}

}  // namespace epaulet

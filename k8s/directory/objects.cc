#include "k8s/directory/objects.h"

#include <functional>

#include "k8s/api/json_access.h"
#include "k8s/directory/route_objects.h"

namespace epaulet::kube {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 64;
/// The API server's own bounds are lower; a list that is longer is cut, not trusted.
constexpr std::size_t kPortsMax = 250;
constexpr std::size_t kEndpointsMax = 1000;
constexpr std::size_t kNameMax = 253;
constexpr std::size_t kHintsMax = 8;
constexpr std::size_t kFamilies = 2;

/// Names come into URLs, SPIFFE IDs and log lines.
bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  return !text.empty() && text.size() <= kNameMax && text.find_first_not_of(kAllowed) == text.npos;
}

std::string short_text(std::string_view text) {
  return std::string(text.substr(0, kNameMax));
}

template <class Facts>
const json::object* read_names(const json::object& from, Facts& to) {
  const auto* metadata = object_in(from, "metadata");
  if (metadata == nullptr) return nullptr;
  to.name_space = text_in(*metadata, "namespace");
  to.name = text_in(*metadata, "name");
  return is_name(to.name) && is_name(to.name_space) ? metadata : nullptr;
}

std::uint16_t port_in(const json::object& from) {
  const auto number = number_in(from, "port");
  return number && *number > 0 && *number <= 65535 ? static_cast<std::uint16_t>(*number) : 0;
}

bool is_tcp(const json::object& port) {
  const auto protocol = text_in(port, "protocol");
  return protocol.empty() || protocol == "TCP";
}

std::uint64_t digest(std::string_view uid) {
  return uid.empty() ? 0 : std::hash<std::string_view>()(uid);
}

bool flag_in(const json::object* from, std::string_view key, bool otherwise) {
  const auto* found = from == nullptr ? nullptr : from->if_contains(key);
  const auto* flag = found == nullptr ? nullptr : found->if_bool();
  return flag == nullptr ? otherwise : *flag;
}

/// EndpointSlice API: `hints.forZones`, at most eight. Those of `trafficDistribution` stand there,
/// too.
void read_hints(const json::object& from, SliceEndpoint& to) {
  const auto* hints = object_in(from, "hints");
  const auto* zones = hints == nullptr ? nullptr : array_in(*hints, "forZones");
  if (zones == nullptr) return;
  for (const auto& each : *zones) {
    const auto* object = each.if_object();
    const auto name = object == nullptr ? std::string_view() : text_in(*object, "name");
    if (!name.empty() && to.for_zones.size() < kHintsMax) to.for_zones.push_back(short_text(name));
  }
}

std::optional<SliceEndpoint> read_endpoint(const json::object& from) {
  const auto* addresses = array_in(from, "addresses");
  if (addresses == nullptr || addresses->empty()) return std::nullopt;
  // The others mean nothing (EndpointSlice API): kube-proxy takes the first one, too.
  const auto* text = addresses->front().if_string();
  const auto address = text == nullptr ? std::nullopt : IpAddress::parse(std::string_view(*text));
  if (!address) return std::nullopt;
  SliceEndpoint endpoint;
  endpoint.address = *address;
  const auto* conditions = object_in(from, "conditions");
  endpoint.ready = flag_in(conditions, "ready", true);
  endpoint.serving = flag_in(conditions, "serving", endpoint.ready);
  endpoint.terminating = flag_in(conditions, "terminating", false);
  endpoint.node = short_text(text_in(from, "nodeName"));
  endpoint.zone = short_text(text_in(from, "zone"));
  read_hints(from, endpoint);
  const auto* target = object_in(from, "targetRef");
  if (target != nullptr && text_in(*target, "kind") == "Pod") {
    const auto name = text_in(*target, "name");
    if (is_name(name)) endpoint.pod = name;
    endpoint.pod_uid = digest(text_in(*target, "uid"));
  }
  return endpoint;
}

std::optional<json::value> parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  auto document = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return std::nullopt;
  return document;
}

std::string version_in(const json::object& object) {
  const auto* metadata = object_in(object, "metadata");
  if (metadata == nullptr) return "";
  // Opaque, but it goes into a URL.
  const auto version = text_in(*metadata, "resourceVersion");
  return version.find_first_not_of("0123456789") == version.npos ? short_text(version) : "";
}

/// For the log: NAMESPACE/NAME as they stand there.
std::string name_in(const json::object* object) {
  const auto* metadata = object == nullptr ? nullptr : object_in(*object, "metadata");
  if (metadata == nullptr) return "?";
  return short_text(text_in(*metadata, "namespace")) + "/" + short_text(text_in(*metadata, "name"));
}

/// The address of a pod that has run to its end may be another one's by now.
void read_addresses(const json::object& status, PodFacts& to) {
  const auto phase = text_in(status, "phase");
  const auto* addresses = array_in(status, "podIPs");
  if (phase == "Succeeded" || phase == "Failed" || addresses == nullptr) return;
  for (const auto& each : *addresses) {
    const auto* object = each.if_object();
    const auto address =
        object == nullptr ? std::nullopt : IpAddress::parse(text_in(*object, "ip"));
    if (address && to.addresses.size() < kFamilies) to.addresses.push_back(*address);
  }
}

}  // namespace

bool read_facts(const json::object& from, ServiceFacts& to) {
  if (read_names(from, to) == nullptr) return false;
  const auto* spec = object_in(from, "spec");
  if (spec == nullptr) return false;
  if (text_in(*spec, "type") == "ExternalName") {
    const auto name = text_in(*spec, "externalName");
    to.external_name = is_name(name) ? std::string(name) : "";
  }
  to.headless = text_in(*spec, "clusterIP") == "None";
  if (const auto* addresses = array_in(*spec, "clusterIPs")) {
    for (const auto& each : *addresses) {
      const auto* text = each.if_string();
      const auto address =
          text == nullptr ? std::nullopt : IpAddress::parse(std::string_view(*text));
      if (address && to.cluster_ips.size() < kFamilies)
        to.cluster_ips.push_back(address->to_string());
    }
  }
  const auto* ports = array_in(*spec, "ports");
  if (ports == nullptr) return true;
  for (const auto& each : *ports) {
    const auto* port = each.if_object();
    if (port == nullptr || !is_tcp(*port) || port_in(*port) == 0) continue;
    if (to.ports.size() == kPortsMax) break;
    to.ports.emplace_back();
    to.ports.back().name = short_text(text_in(*port, "name"));
    to.ports.back().port = port_in(*port);
    to.ports.back().app_protocol = short_text(text_in(*port, "appProtocol"));
  }
  return true;
}

bool read_facts(const json::object& from, SliceFacts& to) {
  const auto* metadata = read_names(from, to);
  if (metadata == nullptr) return false;
  if (const auto* labels = object_in(*metadata, "labels")) {
    const auto service = text_in(*labels, "kubernetes.io/service-name");
    if (is_name(service)) to.service = service;
  }
  if (const auto* ports = array_in(from, "ports")) {
    for (const auto& each : *ports) {
      const auto* port = each.if_object();
      if (port == nullptr || !is_tcp(*port) || port_in(*port) == 0) continue;
      if (to.ports.size() == kPortsMax) break;
      to.ports.emplace_back();
      to.ports.back().name = short_text(text_in(*port, "name"));
      to.ports.back().port = port_in(*port);
    }
  }
  const auto* endpoints = array_in(from, "endpoints");
  if (endpoints == nullptr) return true;
  for (const auto& each : *endpoints) {
    if (to.endpoints.size() == kEndpointsMax) break;
    const auto* object = each.if_object();
    auto endpoint = object == nullptr ? std::nullopt : read_endpoint(*object);
    if (endpoint) to.endpoints.push_back(std::move(*endpoint));
  }
  return true;
}

bool read_facts(const json::object& from, PodFacts& to) {
  const auto* metadata = read_names(from, to);
  if (metadata == nullptr) return false;
  to.uid = digest(text_in(*metadata, "uid"));
  // We ask for pods with the label alone; whoever answers with others is not believed.
  const auto* labels = object_in(*metadata, "labels");
  if (labels == nullptr || text_in(*labels, kMeshedLabel) != "true") return false;
  const auto* spec = object_in(from, "spec");
  const auto account = spec == nullptr ? std::string_view() : text_in(*spec, "serviceAccountName");
  to.service_account = is_name(account) ? std::string(account) : "default";
  if (spec != nullptr) to.node = short_text(text_in(*spec, "nodeName"));
  to.zone = short_text(text_in(*labels, "topology.kubernetes.io/zone"));
  if (const auto* status = object_in(from, "status")) read_addresses(*status, to);
  return true;
}

bool read_facts(const json::object& from, NameFacts& to) {
  return read_names(from, to) != nullptr;
}

template <class Facts>
std::optional<Page<Facts>> read_page(std::string_view text) {
  const auto document = parse(text);
  const auto* list = document ? document->if_object() : nullptr;
  const auto* metadata = list == nullptr ? nullptr : object_in(*list, "metadata");
  if (metadata == nullptr || !text_in(*list, "kind").ends_with("List")) return std::nullopt;
  Page<Facts> page;
  page.version = version_in(*list);
  page.next = text_in(*metadata, "continue");
  if (page.version.empty()) return std::nullopt;
  const auto* items = array_in(*list, "items");
  if (items == nullptr) return page;
  for (const auto& each : *items) {
    Facts facts;
    const auto* object = each.if_object();
    if (object != nullptr && read_facts(*object, facts)) {
      page.items.push_back(std::move(facts));
    } else {
      ++page.left;
      if (page.left_names.size() < kLeftNamesMax) page.left_names.push_back(name_in(object));
    }
  }
  return page;
}

template <class Facts>
WatchEvent<Facts> read_event(std::string_view line) {
  WatchEvent<Facts> event;
  const auto document = parse(line);
  const auto* root = document ? document->if_object() : nullptr;
  const auto* object = root == nullptr ? nullptr : object_in(*root, "object");
  if (object == nullptr) return event;
  const auto type = text_in(*root, "type");
  if (type == "ERROR") {
    constexpr std::int64_t kGone = 410;
    event.kind = number_in(*object, "code") == kGone ? EventKind::expired : EventKind::failed;
    return event;
  }
  event.version = version_in(*object);
  if (type == "BOOKMARK") {
    event.kind = EventKind::bookmark;
    const auto* metadata = object_in(*object, "metadata");
    const auto* notes = metadata == nullptr ? nullptr : object_in(*metadata, "annotations");
    event.ends_list = notes != nullptr && text_in(*notes, "k8s.io/initial-events-end") == "true";
  } else if (type == "ADDED" || type == "MODIFIED") {
    if (read_facts(*object, event.facts)) event.kind = EventKind::put;
    if (event.kind != EventKind::put) event.name = name_in(object);
  } else if (type == "DELETED") {
    // Whatever it was in the end: a pod may have lost its label.
    if (read_names(*object, event.facts) != nullptr) event.kind = EventKind::removed;
  }
  return event;
}

template std::optional<Page<ServiceFacts>> read_page(std::string_view);
template std::optional<Page<SliceFacts>> read_page(std::string_view);
template std::optional<Page<PodFacts>> read_page(std::string_view);
template std::optional<Page<NameFacts>> read_page(std::string_view);
template std::optional<Page<HttpRouteFacts>> read_page(std::string_view);
template std::optional<Page<GrpcRouteFacts>> read_page(std::string_view);
template WatchEvent<ServiceFacts> read_event(std::string_view);
template WatchEvent<SliceFacts> read_event(std::string_view);
template WatchEvent<PodFacts> read_event(std::string_view);
template WatchEvent<HttpRouteFacts> read_event(std::string_view);
template WatchEvent<GrpcRouteFacts> read_event(std::string_view);

}  // namespace epaulet::kube

#include "k8s/directory/model.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace epaulet::kube {
namespace {

namespace json = boost::json;

template <class Facts>
std::string key_of(const Facts& facts) {
  return facts.name_space + "/" + facts.name;
}

std::string service_name(const std::string& name, const std::string& name_space) {
  return name + "." + name_space;
}

}  // namespace

/// A pod that is meshed, or that a slice names.
struct Model::Pod {
  std::string key;
  bool is_meshed = false;
  std::uint64_t uid = 0;
  std::string name_space;
  std::string service_account;
  std::uint32_t seen = 0;
  std::vector<Slice*> in;  ///< Once for each endpoint.
  NodeZones::Place* node = nullptr;
  std::string zone;  ///< As its own label says it.
  std::vector<IpAddress> addresses;
};

struct Model::Slice {
  std::string_view key;  ///< Of slices_.
  struct Endpoint {
    IpAddress address;
    bool ready = true;
    bool serving = true;
    bool terminating = false;
    std::string zone;
    std::vector<std::string> for_zones;
    NodeZones::Place* node = nullptr;
    Pod* pod = nullptr;
    std::uint64_t pod_uid = 0;
  };
  std::string service;  ///< NAME.NAMESPACE, or "".
  std::vector<SlicePort> ports;
  std::vector<Endpoint> endpoints;
  std::uint32_t seen = 0;
};

struct Model::Service {
  std::string name;
  std::optional<ServiceFacts> facts;
  std::vector<Slice*> slices;
  std::uint64_t changed_at = 0;
  std::uint32_t seen = 0;
  bool is_marked = false;  ///< In changed_.
  /// By the namespace of callers that have routes of their own for it; "": of all others.
  std::map<std::string, std::shared_ptr<const std::string>> lines;
};

Model::Model(std::string trust_domain, std::string instance, RouteBook::Judge judge)
    : trust_domain_(std::move(trust_domain)),
      instance_(std::move(instance)),
      routes_(std::move(judge)) {}

Model::~Model() = default;

void Model::begin_list(ObjectKind kind) {
  ++lists_[static_cast<std::size_t>(kind)];
}

void Model::end_list(ObjectKind kind) {
  const auto list = lists_[static_cast<std::size_t>(kind)];
  if (kind == ObjectKind::service) {
    std::vector<ServiceFacts> gone;
    for (const auto& [name, service] : services_)
      if (service->facts && service->seen != list) gone.push_back(*service->facts);
    for (const auto& each : gone) remove(each);
  } else if (kind == ObjectKind::slice) {
    for (auto it = slices_.begin(); it != slices_.end();) {
      const bool is_gone = it->second->seen != list;
      if (is_gone) take_out(*it->second);
      it = is_gone ? slices_.erase(it) : std::next(it);
    }
  } else if (kind != ObjectKind::pod) {
    set_lacks(kind, false);
    const bool is_http = kind == ObjectKind::http_route;
    mark_all(routes_.end_list(is_http ? RouteKind::http_route : RouteKind::grpc_route, list));
  } else {
    std::vector<Pod*> gone;
    for (const auto& [key, pod] : pods_)
      if (pod->is_meshed && pod->seen != list) gone.push_back(pod.get());
    for (auto* pod : gone) leave_mesh(*pod);
  }
}

void Model::go_on_without(ObjectKind kind) {
  set_lacks(kind, true);
}

void Model::set_lacks(ObjectKind kind, bool lacks) {
  if (std::exchange(lacks_[static_cast<std::size_t>(kind)], lacks) == lacks) return;
  for (const auto& [name, service] : services_)
    if (service->facts) mark(*service);
}

Model::Service& Model::service_at(const std::string& name) {
  auto& service = services_[name];
  if (!service) {
    service = std::make_unique<Service>();
    service->name = name;
  }
  return *service;
}

void Model::mark(Service& service) {
  service.changed_at = ++version_;
  service.lines.clear();
  if (service.is_marked) return;
  service.is_marked = true;
  changed_.push_back(service.name);
}

/// Of a pod whose identity has become another.
void Model::mark_users(const Pod& pod) {
  for (const auto* slice : pod.in)
    if (!slice->service.empty()) mark(service_at(slice->service));
}

/// After a change of routes. Of services those that exist: others have nothing to be told.
void Model::mark_all(const std::set<std::string>& services) {
  ++routes_version_;
  for (const auto& name : services) {
    const auto found = services_.find(name);
    if (found != services_.end()) mark(*found->second);
  }
}

void Model::put(HttpRouteFacts&& facts) {
  const auto list = lists_[static_cast<std::size_t>(ObjectKind::http_route)];
  mark_all(routes_.put(RouteKind::http_route, std::move(facts), list));
}

void Model::put(GrpcRouteFacts&& facts) {
  const auto list = lists_[static_cast<std::size_t>(ObjectKind::grpc_route)];
  mark_all(routes_.put(RouteKind::grpc_route, std::move(facts), list));
}

void Model::remove(const HttpRouteFacts& names) {
  mark_all(routes_.remove(RouteKind::http_route, names));
}

void Model::remove(const GrpcRouteFacts& names) {
  mark_all(routes_.remove(RouteKind::grpc_route, names));
}

const ServiceFacts* Model::service(const std::string& name) const {
  const auto found = services_.find(name);
  return found == services_.end() || !found->second->facts ? nullptr : &*found->second->facts;
}

void Model::drop_if_empty(const std::string& name) {
  const auto found = services_.find(name);
  if (found == services_.end() || found->second->facts || !found->second->slices.empty()) return;
  services_.erase(found);
}

void Model::put(ServiceFacts&& facts) {
  auto& service = service_at(service_name(facts.name, facts.name_space));
  service.seen = lists_[static_cast<std::size_t>(ObjectKind::service)];
  if (service.facts == facts) return;
  if (!service.facts) ++services_known_;
  service.facts = std::move(facts);
  ++routes_version_;
  mark(service);
}

void Model::remove(const ServiceFacts& names) {
  const auto name = service_name(names.name, names.name_space);
  const auto found = services_.find(name);
  if (found == services_.end() || !found->second->facts) return;
  found->second->facts.reset();
  --services_known_;
  ++routes_version_;
  mark(*found->second);
  drop_if_empty(name);
}

Model::Pod& Model::pod_at(const std::string& key) {
  auto& pod = pods_[key];
  if (!pod) {
    pod = std::make_unique<Pod>();
    pod->key = key;
  }
  return *pod;
}

void Model::drop_if_unused(Pod& pod) {
  if (!pod.is_meshed && pod.in.empty()) {
    const std::string key = pod.key;
    pods_.erase(key);
  }
}

void Model::take_out(Slice& slice) {
  for (auto& endpoint : slice.endpoints) {
    nodes_.release(endpoint.node);
    if (endpoint.pod == nullptr) continue;
    auto& in = endpoint.pod->in;
    in.erase(std::find(in.begin(), in.end(), &slice));
    drop_if_unused(*endpoint.pod);
  }
  endpoints_ -= slice.endpoints.size();
  slice.endpoints.clear();
  if (slice.service.empty()) return;
  auto& service = service_at(slice.service);
  std::erase(service.slices, &slice);
  mark(service);
  drop_if_empty(slice.service);
  slice.service.clear();
}

void Model::put_in(Slice& slice, SliceFacts&& facts) {
  if (!facts.service.empty()) slice.service = service_name(facts.service, facts.name_space);
  slice.ports = std::move(facts.ports);
  slice.endpoints.reserve(facts.endpoints.size());
  for (auto& each : facts.endpoints) {
    auto& endpoint = slice.endpoints.emplace_back();
    endpoint.address = each.address;
    endpoint.ready = each.ready;
    endpoint.serving = each.serving;
    endpoint.terminating = each.terminating;
    endpoint.node = nodes_.use(each.node, each.zone);
    endpoint.zone = std::move(each.zone);
    endpoint.for_zones = std::move(each.for_zones);
    endpoint.pod_uid = each.pod_uid;
    if (each.pod.empty()) continue;
    endpoint.pod = &pod_at(facts.name_space + "/" + each.pod);
    endpoint.pod->in.push_back(&slice);
  }
  endpoints_ += slice.endpoints.size();
  if (slice.service.empty()) return;
  auto& service = service_at(slice.service);
  const auto by_key = [](const Slice* a, const Slice* b) { return a->key < b->key; };
  auto& slices = service.slices;  // In order, so that a view does not depend on what came first.
  slices.insert(std::upper_bound(slices.begin(), slices.end(), &slice, by_key), &slice);
  mark(service);
}

/// A list that is read again is no news to anybody.
bool Model::is_same(const Slice& slice, const SliceFacts& facts) {
  const auto same = [&facts](const Slice::Endpoint& known, const SliceEndpoint& said) {
    const bool same_pod = known.pod == nullptr
                              ? said.pod.empty()
                              : known.pod->key == facts.name_space + "/" + said.pod;
    return same_pod && known.pod_uid == said.pod_uid && known.address == said.address &&
           known.ready == said.ready && known.serving == said.serving &&
           known.terminating == said.terminating && known.zone == said.zone &&
           known.for_zones == said.for_zones &&
           (known.node == nullptr ? said.node.empty() : known.node->first == said.node);
  };
  const auto service =
      facts.service.empty() ? std::string() : service_name(facts.service, facts.name_space);
  return slice.service == service && slice.ports == facts.ports &&
         std::equal(slice.endpoints.begin(), slice.endpoints.end(), facts.endpoints.begin(),
                    facts.endpoints.end(), same);
}

void Model::put(SliceFacts&& facts) {
  const auto at = slices_.try_emplace(key_of(facts)).first;
  auto& slice = at->second;
  if (slice && is_same(*slice, facts)) {
    slice->seen = lists_[static_cast<std::size_t>(ObjectKind::slice)];
    return;
  }
  if (slice) {
    take_out(*slice);
  } else {
    slice = std::make_unique<Slice>();
    slice->key = at->first;
  }
  slice->seen = lists_[static_cast<std::size_t>(ObjectKind::slice)];
  put_in(*slice, std::move(facts));
}

void Model::remove(const SliceFacts& names) {
  const auto found = slices_.find(key_of(names));
  if (found == slices_.end()) return;
  take_out(*found->second);
  slices_.erase(found);
}

void Model::put(PodFacts&& facts) {
  auto& pod = pod_at(key_of(facts));
  pod.seen = lists_[static_cast<std::size_t>(ObjectKind::pod)];
  place(pod, facts);
  if (pod.is_meshed && pod.uid == facts.uid && pod.service_account == facts.service_account) return;
  if (!pod.is_meshed) ++pods_known_;
  pod.is_meshed = true;
  pod.uid = facts.uid;
  pod.name_space = std::move(facts.name_space);
  pod.service_account = std::move(facts.service_account);
  mark_users(pod);
}

void Model::remove(const PodFacts& names) {
  const auto found = pods_.find(key_of(names));
  if (found == pods_.end() || !found->second->is_meshed) return;
  leave_mesh(*found->second);
}

void Model::leave_mesh(Pod& pod) {
  pod.is_meshed = false;
  --pods_known_;
  leave_addresses(pod);
  nodes_.release(std::exchange(pod.node, nullptr));
  mark_users(pod);
  drop_if_unused(pod);
}

/// Where it runs, which a pod says some time after it was made.
void Model::place(Pod& pod, PodFacts& facts) {
  nodes_.release(std::exchange(pod.node, nodes_.use(facts.node, "")));
  pod.zone = std::move(facts.zone);
  if (pod.addresses == facts.addresses) return;
  leave_addresses(pod);
  pod.addresses = std::move(facts.addresses);
  for (const auto& address : pod.addresses) pods_by_address_[address] = &pod;
}

void Model::leave_addresses(Pod& pod) {
  for (const auto& address : pod.addresses) {
    const auto found = pods_by_address_.find(address);
    // Another pod may have it already, before this one's end is told.
    if (found != pods_by_address_.end() && found->second == &pod) pods_by_address_.erase(found);
  }
  pod.addresses.clear();
}

std::string Model::identity_of(const Pod& pod) const {
  return "spiffe://" + trust_domain_ + "/ns/" + pod.name_space + "/sa/" + pod.service_account;
}

const std::string& Model::zone_of(const IpAddress& address, std::string_view identity) const {
  static const std::string kUnknown;
  const auto found = pods_by_address_.find(address);
  if (found == pods_by_address_.end()) return kUnknown;
  const auto& pod = *found->second;
  if (pod.node == nullptr || identity_of(pod) != identity) return kUnknown;
  // Whoever may make a pod may write its label: others on its node do not hear of that.
  return pod.node->second.zone.empty() ? pod.zone : pod.node->second.zone;
}

std::vector<std::string> Model::take_changes() {
  for (const auto& name : changed_) {
    const auto found = services_.find(name);
    if (found != services_.end()) found->second->is_marked = false;
  }
  return std::exchange(changed_, {});
}

std::string Model::version_text(std::uint64_t version) const {
  return instance_ + "." + std::to_string(version);
}

std::uint64_t Model::number_in(std::string_view text) const {
  if (!text.starts_with(instance_ + ".")) return 0;
  text.remove_prefix(instance_.size() + 1);
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return 0;
  return number <= version_ ? number : 0;
}

bool Model::has_changed_since(const std::string& service, std::uint64_t version) const {
  const auto found = services_.find(service);
  if (found == services_.end() || !found->second->facts) return true;
  return found->second->changed_at > version;
}

std::shared_ptr<const std::string> Model::line(const std::string& name, const std::string& caller) {
  const auto found = services_.find(name);
  if (found == services_.end() || !found->second->facts) {
    json::object absent;
    absent["service"] = name;
    absent["absent"] = true;
    return std::make_shared<const std::string>(json::serialize(absent) + "\n");
  }
  auto& service = *found->second;
  const auto whose = routes_.has_of_consumer(name, caller) ? caller : std::string();
  auto& line = service.lines[whose];
  if (!line) line = std::make_shared<const std::string>(write(name, service, whose));
  return line;
}

/// How many endpoints of each rank a view has room for.
class Model::ViewRoom {
 public:
  explicit ViewRoom(const std::vector<Slice*>& slices) {
    for (const auto* slice : slices)
      for (const auto& each : slice->endpoints) ++left_[rank_of(each)];
    std::size_t room = kViewEndpointsMax;
    for (auto& count : left_) {
      count = std::min(count, room);
      room -= count;
    }
  }

  bool take(const Slice::Endpoint& endpoint) {
    auto& left = left_[rank_of(endpoint)];
    if (left == 0 || bytes_ >= kViewBytesMax) return false;
    --left;
    return true;
  }
  void add_bytes(std::size_t bytes) { bytes_ += bytes; }

 private:
  /// How soon a sidecar uses it: ready ones; those that end but still serve; no others.
  static std::size_t rank_of(const Slice::Endpoint& endpoint) {
    if (endpoint.ready) return 0;
    return endpoint.serving && endpoint.terminating ? 1 : 2;
  }

  std::array<std::size_t, 3> left_{};
  std::size_t bytes_ = 0;
};

std::string Model::write(const std::string& name, const Service& service,
                         const std::string& caller) const {
  const auto& facts = *service.facts;
  json::object root;
  root["service"] = name;
  if (!facts.external_name.empty()) root["external_name"] = facts.external_name;
  if (facts.headless) root["headless"] = true;
  json::array addresses(facts.cluster_ips.begin(), facts.cluster_ips.end());
  if (!addresses.empty()) root["cluster_ips"] = std::move(addresses);
  json::array ports;
  for (const auto& each : facts.ports) {
    json::object port;
    port["port"] = each.port;
    if (!each.name.empty()) port["name"] = each.name;
    if (!each.app_protocol.empty()) port["app_protocol"] = each.app_protocol;
    ports.push_back(std::move(port));
  }
  root["ports"] = std::move(ports);
  json::array groups;
  ViewRoom room(service.slices);
  for (const auto* slice : service.slices) {
    if (slice->endpoints.empty()) continue;
    json::object group;
    // The service's port to the endpoints' port, over the name that both have.
    json::object targets;
    for (const auto& port : facts.ports) {
      for (const auto& target : slice->ports)
        if (target.name == port.name) targets[std::to_string(port.port)] = target.port;
    }
    const std::size_t head_bytes = 16 * targets.size();
    group["ports"] = std::move(targets);
    json::array endpoints;
    for (const auto& each : slice->endpoints) {
      if (!room.take(each)) continue;
      json::object endpoint;
      endpoint["address"] = each.address.to_string();
      if (!each.ready) endpoint["ready"] = false;
      if (each.serving != each.ready) endpoint["serving"] = each.serving;
      if (each.terminating) endpoint["terminating"] = true;
      if (!each.zone.empty()) endpoint["zone"] = each.zone;
      const auto* pod = each.pod;
      std::size_t bytes = 128 + each.zone.size();
      for (const auto& zone : each.for_zones) bytes += 3 + zone.size();
      if (!each.for_zones.empty())
        endpoint["for_zones"] = json::array(each.for_zones.begin(), each.for_zones.end());
      if (pod != nullptr && pod->is_meshed && pod->uid == each.pod_uid) {
        const auto identity = identity_of(*pod);
        bytes += identity.size();
        endpoint["identity"] = identity;
      }
      room.add_bytes(bytes);
      endpoints.push_back(std::move(endpoint));
    }
    if (endpoints.empty()) continue;
    room.add_bytes(head_bytes);
    group["endpoints"] = std::move(endpoints);
    groups.push_back(std::move(group));
  }
  root["groups"] = std::move(groups);
  // Texts, so that a sidecar that does not know them has no deeper document to read.
  if (const auto routes = routes_.documents_for(name, caller); !routes.empty())
    root["routes"] = json::parse(routes);
  if (const auto refused = routes_.refused_for(name, caller); !refused.empty())
    root["routes_refused"] = json::parse(refused);
  json::array unknown;
  if (lacks_[static_cast<std::size_t>(ObjectKind::http_route)]) unknown.emplace_back("HTTPRoute");
  if (lacks_[static_cast<std::size_t>(ObjectKind::grpc_route)]) unknown.emplace_back("GRPCRoute");
  if (!unknown.empty()) root["routes_unknown"] = std::move(unknown);
  return json::serialize(root) + "\n";
}

std::size_t Model::count(ObjectKind kind) const {
  switch (kind) {
    case ObjectKind::service:
      return services_known_;
    case ObjectKind::slice:
      return slices_.size();
    case ObjectKind::pod:
      return pods_known_;
    case ObjectKind::http_route:
      return routes_.count(RouteKind::http_route);
    case ObjectKind::grpc_route:
      return routes_.count(RouteKind::grpc_route);
    case ObjectKind::count_:
      break;
  }
  return 0;
}

}  // namespace epaulet::kube

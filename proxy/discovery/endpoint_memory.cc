#include "discovery/endpoint_memory.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/limits.h"
#include "discovery/state_document.h"
#include "discovery/state_file.h"

namespace epaulet {
namespace {

namespace json = boost::json;

std::int64_t seconds_since_1970(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// What was asked.
std::string asked_of(const EndpointsSettings& endpoints) {
  return endpoints.directory.empty() ? endpoints.dns : "directory:" + endpoints.directory;
}

using Told = std::map<SocketAddress, std::string>;

/// What was told of single endpoints. False: that is not ours.
bool read_told(const json::object& from, std::string_view what, Told& told) {
  const auto* by_address = from.if_contains(json::string_view(what.data(), what.size()));
  if (by_address == nullptr) return true;
  if (!by_address->is_object()) return false;
  for (const auto& member : by_address->get_object()) {
    const auto address = SocketAddress::parse(std::string_view(member.key()));
    if (!address || !member.value().is_string() || member.value().get_string().empty())
      return false;
    told.emplace(*address, std::string_view(member.value().get_string()));
  }
  return true;
}

void write_told(json::object& to, std::string_view what, const Told& told) {
  if (told.empty()) return;
  json::object by_address;
  for (const auto& [address, text] : told) by_address[address.to_string()] = text;
  to[json::string_view(what.data(), what.size())] = std::move(by_address);
}

bool read_addresses(const json::object& from, std::string_view what, std::vector<IpAddress>& to) {
  const auto* list = from.if_contains(json::string_view(what.data(), what.size()));
  if (list == nullptr) return true;
  if (!list->is_array()) return false;
  for (const auto& each : list->get_array()) {
    const auto* text = each.if_string();
    const auto address = text == nullptr ? std::nullopt : IpAddress::parse(std::string_view(*text));
    if (!address) return false;
    to.push_back(*address);
  }
  return true;
}

/// Zones are values of labels, which have no commas.
std::string joined(const std::vector<std::string>& zones) {
  std::string all;
  for (const auto& zone : zones) {
    if (!all.empty()) all += ',';
    all += zone;
  }
  return all;
}

std::vector<std::string> split(std::string_view zones) {
  std::vector<std::string> all;
  while (!zones.empty()) {
    const auto comma = std::min(zones.find(','), zones.size());
    if (comma > 0) all.emplace_back(zones.substr(0, comma));
    zones.remove_prefix(std::min(comma + 1, zones.size()));
  }
  return all;
}

std::optional<EndpointMemory::Entry> entry_from(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto* dns = object->if_contains("dns");
  const auto* port = object->if_contains("port");
  const auto* endpoints = object->if_contains("endpoints");
  const auto* gone_since = object->if_contains("gone_since");
  if (dns == nullptr || port == nullptr || endpoints == nullptr || gone_since == nullptr)
    return std::nullopt;
  if (!dns->is_string() || !port->is_int64() || !endpoints->is_array() || !gone_since->is_int64()) {
    return std::nullopt;
  }
  if (port->get_int64() < 0 || port->get_int64() > 65535) return std::nullopt;
  if (endpoints->get_array().size() > limits::kEndpointsPerBackendMax) return std::nullopt;

  EndpointMemory::Entry entry;
  entry.dns = std::string(std::string_view(dns->get_string()));
  entry.port = static_cast<std::uint16_t>(port->get_int64());
  entry.gone_since = gone_since->get_int64();
  for (const auto& text : endpoints->get_array()) {
    if (!text.is_string()) return std::nullopt;
    const auto address = SocketAddress::parse(std::string_view(text.get_string()));
    if (!address) return std::nullopt;
    entry.endpoints.push_back(*address);
  }
  std::sort(entry.endpoints.begin(), entry.endpoints.end());
  if (!read_told(*object, "identities", entry.identities)) return std::nullopt;
  if (!read_told(*object, "zones", entry.zones)) return std::nullopt;
  if (!read_told(*object, "for_zones", entry.for_zones)) return std::nullopt;
  if (!read_addresses(*object, "service_addresses", entry.service_addresses)) return std::nullopt;
  return entry;
}

}  // namespace

bool may_be_dialled(const std::string& identity, const BackendSettings& backend) {
  if (backend.endpoints.directory.empty() || backend.tls.mode != UpstreamTls::mesh) return true;
  const auto& allowed = backend.tls.identities;
  if (identity.empty()) return !allowed.empty();
  return allowed.empty() || std::find(allowed.begin(), allowed.end(), identity) != allowed.end();
}

EndpointMemory::EndpointMemory(std::string state_dir) : state_dir_(std::move(state_dir)) {}

Result<void> EndpointMemory::load() {
  entries_.clear();
  if (state_dir_.empty()) return {};
  const auto text = read_state_file(path());
  if (!text) return text.error();
  if (text->empty()) return {};
  auto entries = from_json(*text);
  if (!entries) return entries.error();
  entries_ = std::move(*entries);
  return {};
}

Result<void> EndpointMemory::save() {
  if (state_dir_.empty()) {
    changed_ = false;
    return {};
  }
  auto written = write_state_file(path(), to_json(entries_));
  if (written) changed_ = false;
  return written;
}

EndpointSetPtr EndpointMemory::recall(const BackendSettings& backend, WallTime now) const {
  const auto found = entries_.find(backend.name);
  if (found == entries_.end()) return nullptr;
  const Entry& entry = found->second;
  if (entry.dns != asked_of(backend.endpoints) || entry.port != backend.endpoints.port)
    return nullptr;
  auto set = std::make_shared<EndpointSet>();
  set->backend = backend.name;
  for (const auto& address : entry.endpoints) {
    const auto identity = entry.identities.find(address);
    const bool is_told = identity != entry.identities.end();
    if (!may_be_dialled(is_told ? identity->second : "", backend)) continue;
    auto& endpoint = set->endpoints.emplace_back(address);
    if (is_told && backend.tls.mode == UpstreamTls::mesh)
      endpoint.identity = std::make_shared<const EndpointIdentity>(identity->second);
    if (const auto zone = entry.zones.find(address); zone != entry.zones.end())
      endpoint.zone = zone->second;
    if (const auto zones = entry.for_zones.find(address); zones != entry.for_zones.end())
      endpoint.for_zones = split(zones->second);
  }
  set->service_addresses = entry.service_addresses;
  set->ever_had_endpoint = true;
  set->updated_at = now;
  return set;
}

void EndpointMemory::remember(const BackendSettings& backend, const EndpointSet& set) {
  if (!set.ever_had_endpoint) return;
  Entry entry;
  entry.dns = asked_of(backend.endpoints);
  entry.port = backend.endpoints.port;
  entry.service_addresses = set.service_addresses;
  for (const auto& endpoint : set.endpoints) {
    entry.endpoints.push_back(endpoint.address);
    if (endpoint.identity)
      entry.identities.emplace(endpoint.address, endpoint.identity->ids.front());
    if (!endpoint.zone.empty()) entry.zones.emplace(endpoint.address, endpoint.zone);
    if (!endpoint.for_zones.empty())
      entry.for_zones.emplace(endpoint.address, joined(endpoint.for_zones));
  }
  auto [known, is_new] = entries_.try_emplace(backend.name);
  if (!is_new && known->second == entry) return;
  known->second = std::move(entry);
  changed_ = true;
}

void EndpointMemory::retain(const std::map<std::string, BackendSettings>& backends, WallTime now) {
  const auto now_s = seconds_since_1970(now);
  const auto keep_s = std::chrono::duration_cast<std::chrono::seconds>(kKeepUnused).count();
  for (auto it = entries_.begin(); it != entries_.end();) {
    auto& gone_since = it->second.gone_since;
    const auto before = gone_since;
    if (backends.contains(it->first)) {
      gone_since = 0;
    } else if (gone_since == 0 || gone_since > now_s) {
      gone_since = now_s;  // Also after the clock was set back: no entry becomes immortal.
    }
    changed_ = changed_ || gone_since != before;
    if (gone_since != 0 && now_s - gone_since > keep_s) {
      it = entries_.erase(it);
      changed_ = true;
    } else {
      ++it;
    }
  }
}

std::string EndpointMemory::to_json(const Entries& entries) {
  json::object backends;
  for (const auto& [name, entry] : entries) {
    json::array endpoints;
    for (const auto& address : entry.endpoints) endpoints.emplace_back(address.to_string());
    json::object object;
    object["dns"] = entry.dns;
    object["port"] = entry.port;
    object["endpoints"] = std::move(endpoints);
    object["gone_since"] = entry.gone_since;
    write_told(object, "identities", entry.identities);
    write_told(object, "zones", entry.zones);
    write_told(object, "for_zones", entry.for_zones);
    if (!entry.service_addresses.empty()) {
      json::array addresses;
      for (const auto& each : entry.service_addresses) addresses.emplace_back(each.to_string());
      object["service_addresses"] = std::move(addresses);
    }
    backends[name] = std::move(object);
  }
  return state_document("backends", std::move(backends));
}

Result<EndpointMemory::Entries> EndpointMemory::from_json(std::string_view text) {
  const auto backends = read_state_document(text, "backends");
  if (!backends) return backends.error();
  Entries entries;
  for (const auto& member : *backends) {
    auto entry = entry_from(member.value());
    if (!entry) return kNotOurs;
    entries.emplace(std::string(std::string_view(member.key())), std::move(*entry));
  }
  return entries;
}

}  // namespace epaulet

#include "dns/names.h"

#include <algorithm>

#include "base/ascii.h"

namespace epaulet {
namespace {

constexpr std::string_view kSvc = ".svc";

std::string_view without_final_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

std::size_t label_count(std::string_view name) {
  return 1 + static_cast<std::size_t>(std::count(name.begin(), name.end(), '.'));
}

/// The second label of `workload.service`.
std::string workload_namespace(const Settings& settings) {
  const auto& name = settings.workload.service;
  const auto dot = name.find('.');
  if (dot == std::string::npos) return "default";
  const auto end = std::min(name.find('.', dot + 1), name.size());
  const auto label = name.substr(dot + 1, end - dot - 1);
  return label.empty() ? "default" : lower(label);
}

std::vector<std::string> backends_of(const ServiceSettings& service) {
  std::vector<std::string> backends;
  const auto add = [&backends](const std::string& name) {
    if (!name.empty() && std::find(backends.begin(), backends.end(), name) == backends.end()) {
      backends.push_back(name);
    }
  };
  add(service.default_backend);
  for (const auto& route : service.routes) {
    for (const auto& target : route.to) add(target.backend);
  }
  return backends;
}

decltype(NamedService::ports) ports_of(const ServiceSettings& service) {
  decltype(NamedService::ports) ports(service.port_names.begin(), service.port_names.end());
  const auto is_http = [](const auto& port) { return port.second == PortProtocol::http; };
  if (std::count_if(service.ports.begin(), service.ports.end(), is_http) == 1) {
    ports.try_emplace("http",
                      std::find_if(service.ports.begin(), service.ports.end(), is_http)->first);
  }
  return ports;
}

}  // namespace

NameTable::NameTable(const Settings& settings, const std::vector<std::string>& search)
    : namespace_(workload_namespace(settings)) {
  const auto domain = lower(without_final_dot(settings.dns.cluster_domain));
  svc_suffix_ = std::string(kSvc) + "." + domain;

  search_ = {namespace_ + svc_suffix_, svc_suffix_.substr(1), domain};
  for (const auto& suffix : search) {
    const auto text = lower(without_final_dot(suffix));
    if (!text.empty()) search_.push_back(text);
  }
  std::sort(search_.begin(), search_.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  search_.erase(std::unique(search_.begin(), search_.end()), search_.end());

  for (const auto& [name, service] : settings.services) {
    const std::size_t index = services_.size();
    services_.push_back({name, backends_of(service), ports_of(service)});
    exact_.emplace(lower(without_final_dot(name)), index);
  }
  // Names with a namespace first: they are the more literal reading of a cluster form.
  for (const bool names_alone : {false, true}) {
    for (const auto& [name, index] : exact_) {
      const auto form = cluster_form(name);
      if ((label_count(name) == 1) == names_alone && !form.empty()) cluster_.emplace(form, index);
    }
  }
}

/// "name.namespace" if `key` can be read so, else "".
std::string NameTable::cluster_form(std::string_view key) const {
  std::string_view rest = key;
  if (rest.ends_with(svc_suffix_)) {
    rest.remove_suffix(svc_suffix_.size());
  } else if (rest.ends_with(kSvc) && label_count(rest) == 3) {
    rest.remove_suffix(kSvc.size());
  }
  if (rest.empty()) return {};
  if (label_count(rest) == 2) return std::string(rest);
  // Only a name alone stands in our namespace; "api2.svc.cluster.local" is a search form, not this
  // one.
  if (label_count(key) == 1) return std::string(key) + "." + namespace_;
  return {};
}

const NamedService* NameTable::at(const Index& index, std::string_view key) const {
  const auto found = index.find(key);
  return found == index.end() ? nullptr : &services_[found->second];
}

const NamedService* NameTable::find_without_search(std::string_view key) const {
  if (const auto* service = at(exact_, key)) return service;
  const auto form = cluster_form(key);
  return form.empty() ? nullptr : at(cluster_, form);
}

const NamedService* NameTable::find(std::string_view key) const {
  if (const auto* service = find_without_search(key)) return service;
  for (const auto& suffix : search_) {
    if (key.size() <= suffix.size() + 1 || !key.ends_with(suffix)) continue;
    const auto rest = key.substr(0, key.size() - suffix.size());
    if (!rest.ends_with('.')) continue;
    if (const auto* service = find_without_search(rest.substr(0, rest.size() - 1))) return service;
  }
  return nullptr;
}

std::optional<NameTable::Port> NameTable::find_port(std::string_view key) const {
  constexpr std::string_view kTcp = "_tcp.";
  const auto dot = key.find('.');
  if (!key.starts_with('_') || dot == std::string_view::npos) return std::nullopt;
  const auto name = key.substr(1, dot - 1);
  const auto rest = key.substr(dot + 1);
  if (!rest.starts_with(kTcp)) return std::nullopt;
  const auto* service = find(rest.substr(kTcp.size()));
  if (service == nullptr) return std::nullopt;
  const auto port = service->ports.find(name);
  if (port == service->ports.end()) return std::nullopt;
  return Port{service, port->second};
}

}  // namespace epaulet

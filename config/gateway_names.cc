#include "config/gateway_rule.h"

#include "base/ascii.h"

namespace epaulet::config::gateway {

Names::Names(const Settings& settings) : settings_(settings) {
  const auto& own = settings.workload.service;
  const auto dot = own.find('.');
  if (dot == std::string::npos) return;
  own_name_space_ = own.substr(dot + 1, own.find('.', dot + 1) - dot - 1);
}

std::vector<std::string> Names::spellings(const std::string& name,
                                          const std::string& name_space) const {
  const auto full = name + "." + name_space;
  std::vector<std::string> all{full, full + ".svc", full + ".svc." + settings_.dns.cluster_domain};
  if (name_space == own_name_space_) all.push_back(name);
  return all;
}

const ServiceSettings* Names::service(const std::string& name,
                                      const std::string& name_space) const {
  for (const auto& spelling : spellings(name, name_space)) {
    const auto found = settings_.services.find(spelling);
    if (found != settings_.services.end()) return &found->second;
  }
  return nullptr;
}

std::string Names::backend(const ServiceRef& to, const std::string& name_space,
                           Translation& out) const {
  const auto full = to.name + "." + name_space;
  const BackendSettings* found = nullptr;
  const auto look = [&](const std::string& name) {
    const auto backend = settings_.backends.find(name);
    if (found == nullptr && backend != settings_.backends.end()) found = &backend->second;
  };
  const auto* own = service(to.name, name_space);
  if (own != nullptr) look(own->default_backend);
  for (const auto& spelling : spellings(to.name, name_space)) look(spelling);
  const std::uint16_t port = to.port.value_or(0);
  // Where endpoints are, only the directory tells by the Service's port; else the backend says it.
  const bool has_other_port =
      found != nullptr && found->endpoints.directory == full && found->endpoints.port != port;
  if (found != nullptr && !has_other_port) return found->name;
  if (found == nullptr && settings_.directory.url.empty()) return {};
  auto name = full + ".port-" + std::to_string(port);
  BackendSettings made;
  if (has_other_port) {
    made = *found;
  } else {
    made.endpoints.directory = full;
    made.endpoints.origin = made.origin = to.origin;
  }
  made.name = name;
  made.endpoints.port = port;
  out.backends.try_emplace(name, std::move(made));
  return name;
}

namespace {

bool goes_by(const BackendSettings& backend, const SessionKeySettings& by) {
  const auto& own = backend.balance.by;
  return own && keeps_sessions(backend.balance.policy) && own->cookie == by.cookie &&
         own->ttl == by.ttl;
}

/// A cookie's name as a label of a name of ours.
std::string as_label(std::string_view cookie) {
  std::string out = "session-";
  for (const char c : lower(cookie.substr(0, 40))) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    out += is_plain ? c : '-';
  }
  return out + "-x";  // It may not end with a hyphen.
}

}  // namespace

std::string Names::with_sessions(const std::string& backend, const SessionKeySettings& by,
                                 Translation& out) const {
  const auto written = settings_.backends.find(backend);
  const auto& like =
      written != settings_.backends.end() ? written->second : out.backends.at(backend);
  if (goes_by(like, by)) return backend;
  auto made = like;
  made.balance = {};
  made.balance.origin = by.origin;
  made.balance.policy = BalancePolicy::sticky;
  made.balance.by = by;
  const auto wanted = backend + "." + as_label(by.cookie);
  for (std::size_t number = 1;; ++number) {
    made.name = number == 1 ? wanted : wanted + std::to_string(number);
    if (settings_.backends.contains(made.name)) continue;
    const auto [entry, is_new] = out.backends.try_emplace(made.name, made);
    if (is_new || goes_by(entry->second, by)) return made.name;
  }
}

}  // namespace epaulet::config::gateway

#include "config/validate.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "base/ascii.h"
#include "base/directory_limits.h"
#include "base/limits.h"
#include "config/diagnostic.h"
#include "config/gateway_translate.h"
#include "config/nearest_word.h"
#include "config/shaping_settings.h"
#include "config/text_checks.h"

namespace epaulet::config {
namespace {

constexpr std::string_view kBuiltInRoles[] = {"anyone", "authenticated"};

class Validation {
 public:
  Validation(Draft& draft, Complaints& complaints)
      : draft_(draft), settings_(draft.settings), complaints_(complaints) {}

  void join_backends();
  void accept_gateway_routes();
  void check_mentions();
  void check_roles();
  void check_rules();
  void check_rate_limits();
  void check_services();
  void check_own_ports();
  void check_identity();
  void check_directory();
  void check_localities();

 private:
  void complain(const Origin& origin, std::string message, std::string remedy = {}) {
    complaints_.add_at(origin, {std::move(message), std::move(remedy), {}});
  }
  void check_name(const Mention& mention, bool exists, std::string_view what,
                  std::string_view where, const std::vector<std::string_view>& known);
  void check_trust_domain_of(const Mention& mention);
  [[nodiscard]] std::optional<std::string_view> own_port(std::uint16_t port) const;
  void check_proof_of(const AccessRuleSettings& rule);
  void check_ports_of(const RouteSettings& route, const ServiceSettings& service);
  [[nodiscard]] bool reaches_only_tcp(const AccessRuleSettings& rule) const;
  void check_edits_of(const ServiceSettings& service, const RouteSettings& route);
  void check_flight_of(const ServiceSettings& service, const RouteSettings& route);
  [[nodiscard]] std::vector<const BackendSettings*> backends_of(const ServiceSettings& service,
                                                                const RouteSettings& route) const;
  template <class Named>
  void check_unique(const std::vector<Named>& list, std::string_view what);

  Draft& draft_;
  Settings& settings_;
  Complaints& complaints_;
};

template <class Entries>
std::vector<std::string_view> names_of(const Entries& entries) {
  std::vector<std::string_view> names;
  for (const auto& [name, entry] : entries) names.push_back(name);
  return names;
}

// ---- Names. ----

void Validation::join_backends() {
  for (auto& [name, backend] : draft_.inline_backends) {
    if (backend.origin.line == 0) continue;  // tls or limits without endpoints: complained of.
    const auto other = settings_.backends.find(name);
    if (other == settings_.backends.end()) continue;
    complain(backend.origin,
             "the service has endpoints, but backends." + name + " (line " +
                 std::to_string(other->second.origin.line) + ") is of the same name",
             "remove one of them, or rename the backend and name it in default_backend");
  }
  settings_.backends.merge(draft_.inline_backends);
}

/// Routes of our own file come first: who runs this workload has the last word.
void Validation::accept_gateway_routes() {
  if (draft_.gateway_routes.empty()) return;
  auto translation = gateway::translate(draft_.gateway_routes, settings_);
  for (auto& refused : translation.refused)
    complain(refused.origin, std::move(refused.message), std::move(refused.remedy));
  draft_.notices = std::move(translation.notices);
  settings_.backends.merge(translation.backends);
  for (auto& [name, routes] : translation.routes) {
    auto& to = settings_.services.at(name).routes;
    to.insert(to.end(), std::make_move_iterator(routes.begin()),
              std::make_move_iterator(routes.end()));
  }
}

void Validation::check_mentions() {
  for (const Mention& mention : draft_.mentions) {
    switch (mention.kind) {
      case Mentions::nothing:
        break;
      case Mentions::role: {
        const bool is_built_in = std::find(std::begin(kBuiltInRoles), std::end(kBuiltInRoles),
                                           mention.text) != std::end(kBuiltInRoles);
        auto known = names_of(settings_.roles);
        known.insert(known.end(), std::begin(kBuiltInRoles), std::end(kBuiltInRoles));
        check_name(mention, is_built_in || settings_.roles.contains(mention.text), "role", "roles",
                   known);
        break;
      }
      case Mentions::issuer:
        check_name(mention, settings_.issuers.contains(mention.text), "issuer", "issuers",
                   names_of(settings_.issuers));
        break;
      case Mentions::key_owner:
        check_name(mention, settings_.api_keys.owners.contains(mention.text), "owner of API keys",
                   "api_keys.owners", names_of(settings_.api_keys.owners));
        break;
      case Mentions::backend:
        if (settings_.backends.contains(mention.text)) break;
        check_name(mention, false, "backend", "backends",
                   complaints_.has_room() ? names_of(settings_.backends)
                                          : std::vector<std::string_view>{});
        break;
      case Mentions::workload_port: {
        const auto& ports = settings_.workload.ports;
        const bool exists = std::any_of(ports.begin(), ports.end(), [&](const auto& entry) {
          return std::to_string(entry.first) == mention.text;
        });
        check_name(mention, exists, "port", "workload.ports", {});
        break;
      }
      case Mentions::identity:
        check_trust_domain_of(mention);
        break;
    }
  }
}

void Validation::check_name(const Mention& mention, bool exists, std::string_view what,
                            std::string_view where, const std::vector<std::string_view>& known) {
  if (exists) return;
  Complaint complaint{"there is no " + std::string(what) + " " + in_quotes(mention.text), {}, {}};
  complaint.did_you_mean = nearest_word(mention.text, known);
  complaint.remedy = "define it under " + std::string(where);
  complaints_.add_in(*mention.source, mention.place, mention.path, std::move(complaint));
}

/// Peers are verified against one trust bundle, that of identity.trust_domain.
void Validation::check_trust_domain_of(const Mention& mention) {
  const auto domain = trust_domain_of(mention.text);
  if (domain == settings_.identity.trust_domain) return;
  const std::string own = settings_.identity.trust_domain;
  complaints_.add_in(
      *mention.source, mention.place, mention.path,
      {"nobody of the trust domain " + in_quotes(domain) + " is ever verified",
       "identity.trust_domain is " + own +
           (settings_.identity.origin.line == 0 ? " by default; set it or write " : "; write ") +
           "spiffe://" + own + "/...",
       {}});
}

template <class Named>
void Validation::check_unique(const std::vector<Named>& list, std::string_view what) {
  std::map<std::string_view, const Named*> first;
  for (const Named& named : list) {
    const auto [other, is_new] = first.try_emplace(named.name, &named);
    if (is_new || named.name.empty()) continue;
    complain(named.origin,
             "a second " + std::string(what) + " named " + in_quotes(named.name) +
                 ", first in line " + std::to_string(other->second->origin.line),
             "names appear in metrics, logs and explain: give each its own");
  }
}

void Validation::check_roles() {
  for (const auto name : kBuiltInRoles) {
    const auto role = settings_.roles.find(std::string(name));
    if (role == settings_.roles.end()) continue;
    complain(role->second.origin, "the role " + std::string(name) + " is built in",
             "give the role another name");
  }
  std::set<std::string_view> permissions;
  for (const auto& rule : settings_.access.rules)
    permissions.insert(rule.permissions.begin(), rule.permissions.end());
  constexpr std::size_t kNamesMax = limits::kRolesMax - std::size(kBuiltInRoles);
  const std::size_t own_roles_max = kNamesMax - std::min(kNamesMax, permissions.size());
  if (permissions.size() > kNamesMax) {
    complain(settings_.access.origin,
             "rules name " + std::to_string(permissions.size()) + " permissions, more than " +
                 std::to_string(kNamesMax),
             "give a role to those who hold one of several");
    return;
  }
  if (settings_.roles.size() <= own_roles_max) return;
  std::vector<const Origin*> in_order;
  for (const auto& [name, role] : settings_.roles) in_order.push_back(&role.origin);
  std::sort(in_order.begin(), in_order.end(), [](const Origin* a, const Origin* b) {
    return std::tie(a->line, a->column) < std::tie(b->line, b->column);
  });
  complain(*in_order[own_roles_max],
           "more than " + std::to_string(own_roles_max) + " roles; this is one of " +
               std::to_string(settings_.roles.size()),
           "join roles that the same rules allow: a role is held in as many ways as it lists");
}

// ---- Rules and services. ----

/// True if every port that the rule is about is `protocol: tcp`, where nobody looks into requests.
bool Validation::reaches_only_tcp(const AccessRuleSettings& rule) const {
  bool reaches_any = false;
  for (const auto& [port, declared] : settings_.workload.ports) {
    const bool is_meant = rule.ports.empty() ||
                          std::find(rule.ports.begin(), rule.ports.end(), port) != rule.ports.end();
    if (!is_meant) continue;
    if (declared.protocol != PortProtocol::tcp) return false;
    reaches_any = true;
  }
  return reaches_any;
}

/// What nobody can have, nobody can be asked for.
void Validation::check_proof_of(const AccessRuleSettings& rule) {
  if (rule.allow.empty()) return;  // It asks nobody for anything.
  if (rule.require == RequiredProof::key && settings_.api_keys.owners.empty()) {
    complain(rule.origin, "the rule requires an API key, but there is none",
             "add api_keys: { owners: { NAME: { file: FILE } } }");
  }
  const bool needs_token = rule.require == RequiredProof::token ||
                           (rule.require != RequiredProof::key && !rule.permissions.empty());
  if (needs_token && settings_.issuers.empty()) {
    complain(rule.origin, "the rule requires a token, but no issuer is configured",
             "add issuers: { NAME: { issuer: ..., audiences: [...], keys: { file: FILE } } }");
  }
}

void Validation::check_rules() {
  check_unique(settings_.access.rules, "rule");
  for (const auto& rule : settings_.access.rules) {
    const char* http_key = !rule.paths.empty()                      ? "paths"
                           : !rule.grpc.empty()                     ? "grpc"
                           : !rule.methods.empty()                  ? "methods"
                           : !rule.hosts.empty()                    ? "hosts"
                           : !rule.headers.empty()                  ? "headers"
                           : !rule.permissions.empty()              ? "permissions"
                           : rule.require != RequiredProof::nothing ? "require"
                                                                    : nullptr;
    if (http_key != nullptr && reaches_only_tcp(rule)) {
      complain(
          rule.origin,
          std::string(http_key) + " looks into HTTP, but every port of this rule is tcp",
          "match by ports, allow and deny alone, or write protocol: http or auto for the port");
    } else {
      check_proof_of(rule);
    }
  }
}

void Validation::check_rate_limits() {
  check_unique(settings_.rate_limits, "rate limit");
  if (settings_.concurrency) check_unique(settings_.concurrency->criticality, "criticality");
}

std::vector<const BackendSettings*> Validation::backends_of(const ServiceSettings& service,
                                                            const RouteSettings& route) const {
  std::vector<const BackendSettings*> found;
  const auto add = [&](const std::string& name) {
    const auto backend = settings_.backends.find(name);
    if (backend != settings_.backends.end()) found.push_back(&backend->second);
  };
  for (const auto& target : route.to) add(target.backend);
  if (route.to.empty()) add(service.default_backend);
  if (route.fallback) add(route.fallback->backend);
  return found;
}

/// What the sidecar writes itself into a response would stand beside what the route writes, or
/// behind what it takes out.
void Validation::check_edits_of(const ServiceSettings& service, const RouteSettings& route) {
  if (route.shaping == nullptr || !route.shaping->response_headers) return;
  const auto& edits = *route.shaping->response_headers;
  const auto backends = backends_of(service, route);
  const auto some = [&backends](const auto& has) {
    return std::any_of(backends.begin(), backends.end(),
                       [&has](const auto* backend) { return has(*backend); });
  };
  const bool limits = route.rate_limit || service.rate_limit;
  const bool keeps = route.fallback && route.fallback->last_good;
  const bool shares = route.shaping->single_flight.has_value();
  const bool sets_cookie =
      some([](const auto& one) { return one.balance.by && !one.balance.by->cookie.empty(); });
  const auto check = [&](const std::string& spelt, bool is_removed) {
    const std::string name = as_cgi(spelt);
    const char* why = nullptr;
    // An upstream's own may go: what is left of our limit is written behind it.
    if (limits && !is_removed && name.starts_with("ratelimit-")) why = "rate_limit";
    if (keeps && name == "cache-status") why = "fallback.last_good";
    if (shares && name == "cache-status") why = "single_flight";
    if (sets_cookie && name == "set-cookie") why = "balance.by.cookie";
    if (route.shaping->cors && name.starts_with("access-control-")) why = "cors";
    if (why == nullptr) return;
    complain(edits.origin, "the header " + in_quotes(spelt) + " is written here because of " + why,
             "remove it from response_header_modifier, or " + std::string(why));
  };
  for (const auto& [name, value] : edits.set) check(name, false);
  for (const auto& [name, value] : edits.add) check(name, false);
  for (const auto& name : edits.remove) check(name, true);
}

/// What tells callers apart elsewhere in the file tells their answers apart, too.
void Validation::check_flight_of(const ServiceSettings& service, const RouteSettings& route) {
  if (route.shaping == nullptr || !route.shaping->single_flight) return;
  std::vector<std::pair<std::string_view, const char*>> telling;
  telling.emplace_back(settings_.api_keys.header, "api_keys.header");
  for (const auto& [name, issuer] : settings_.issuers)
    telling.emplace_back(issuer.token.header, "issuers");
  for (const auto* limit : {&service.rate_limit, &route.rate_limit}) {
    if (*limit && (*limit)->by) telling.emplace_back((*limit)->by->header, "rate_limit.by");
  }
  for (const auto* backend : backends_of(service, route)) {
    if (backend->balance.by) telling.emplace_back(backend->balance.by->header, "balance.by");
  }
  for (const auto& ignored : route.shaping->single_flight->ignore_headers) {
    const auto found = std::find_if(telling.begin(), telling.end(), [&](const auto& one) {
      return equals_ignore_case(one.first, ignored);
    });
    if (found == telling.end()) continue;
    complain(route.shaping->single_flight->origin,
             "ignore_headers names " + in_quotes(ignored) + ", by which " + found->second +
                 " tells callers apart",
             "remove it from ignore_headers");
  }
}

void Validation::check_ports_of(const RouteSettings& route, const ServiceSettings& service) {
  if (route.shaping == nullptr) return;
  for (const std::uint16_t port : route.shaping->ports) {
    if (service.ports.contains(port)) continue;
    complain(route.origin, "port " + std::to_string(port) + " is none of the service's ports",
             "add it to ports of the service, or name another");
  }
}

void Validation::check_services() {
  const std::string suffix = ".svc." + settings_.dns.cluster_domain;
  for (const auto& [name, service] : settings_.services) {
    check_unique(service.routes, "route");
    if (service.ports.empty() && service.origin.line != 0 &&
        !complaints_.are_about(service.origin.object))
      complain(service.origin, "the service has no port, so nobody can dial it",
               "write those that the app dials, for example ports: { 80: http }");
    for (const auto& route : service.routes) {
      check_edits_of(service, route);
      check_flight_of(service, route);
      check_ports_of(route, service);
      if (!route.to.empty() || !service.default_backend.empty()) continue;
      if (route.shaping != nullptr && route.shaping->redirect) continue;
      if (refuses_all(route)) continue;
      complain(route.origin, "the route has no backend, and the service has no default",
               "add to: [ { backend: NAME } ], or default_backend or endpoints to the service");
    }
    if (!name.ends_with(suffix)) continue;
    const auto short_name = name.substr(0, name.size() - suffix.size());
    if (!settings_.services.contains(short_name)) continue;
    complain(service.origin, "this is another spelling of services." + short_name,
             "keep the short one: the app may use both");
  }
}

// ---- Ports and certificates. ----

std::optional<std::string_view> Validation::own_port(std::uint16_t port) const {
  const auto& listen = settings_.listen;
  const std::pair<std::string_view, std::uint16_t> ports[] = {
      {"outbound", listen.outbound}, {"inbound", listen.inbound}, {"direct", listen.direct},
      {"dns", listen.dns},           {"admin", listen.admin},     {"metrics", listen.metrics},
      {"health", listen.health}};
  for (const auto& [name, own] : ports) {
    if (own == port) return name;
  }
  return std::nullopt;
}

void Validation::check_own_ports() {
  for (const auto& [port, declared] : settings_.workload.ports) {
    if (const auto name = own_port(port)) {
      complain(declared.origin,
               "the sidecar itself listens on this port (listen." + std::string(*name) + ")",
               "the app must use another port, or set listen." + std::string(*name));
    }
  }
  for (const auto& probe : settings_.workload.probes) {
    if (const auto name = own_port(probe.port)) {
      complain(probe.origin,
               "the probe would ask the sidecar itself (listen." + std::string(*name) + ")",
               "write the port of the app");
    }
  }
  if (const auto& metrics = settings_.workload.metrics) {
    if (const auto name = own_port(metrics->port)) {
      complain(
          metrics->origin,
          "the sidecar would ask itself for the app's metrics (listen." + std::string(*name) + ")",
          "write the port of the app");
    }
  }
  for (const auto& server : settings_.dns.upstream) {
    if (!server.ip.is_loopback() || server.port != settings_.listen.dns) continue;
    complain(settings_.dns.origin, "the upstream " + server.to_string() + " is the sidecar itself",
             "write the address of another DNS server");
  }
}

/// Whoever needs a certificate must say where it is. One complaint for each direction is enough.
void Validation::check_identity() {
  if (settings_.identity.configured() || complaints_.are_about("identity")) return;
  for (const auto& [port, declared] : settings_.workload.ports) {
    if (declared.tls != PortTls::strict || complaints_.are_about(declared.origin.object)) continue;
    complain(declared.origin,
             "the port is strict (the default), but without an identity nobody can prove "
             "themselves",
             "add identity: { dir: FOLDER } with cert.pem, key.pem and ca.pem, or tls: permissive");
    break;
  }
  for (const auto& [name, backend] : settings_.backends) {
    if (backend.origin.line == 0 || backend.tls.mode != UpstreamTls::mesh) continue;
    if (complaints_.are_about(backend.origin.object)) continue;
    complain(
        backend.tls.origin.line != 0 ? backend.tls.origin : backend.origin,
        "mode mesh needs a certificate, but there is no identity",
        "add identity: { dir: FOLDER } with cert.pem, key.pem and ca.pem, or tls: { mode: none } "
        "for what is outside the mesh");
    break;
  }
}

/// Who endpoints are, either the file says or the directory does.
void Validation::check_directory() {
  std::set<std::string_view> asked;
  for (const auto& [name, backend] : settings_.backends) {
    if (backend.origin.line == 0 || complaints_.are_about(backend.origin.object)) continue;
    const bool is_in_directory = !backend.endpoints.directory.empty();
    if (!is_in_directory && backend.tls.origin.line != 0 && backend.tls.mode == UpstreamTls::mesh &&
        backend.tls.identities.empty()) {
      complain(backend.tls.origin, "mode mesh needs identities",
               "write tls: { identities: [ spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/NAME ] }, or tls: "
               "{ mode: none } for what is outside the mesh");
    }
    if (is_in_directory && !backend.endpoints.dns.empty() &&
        backend.tls.mode == UpstreamTls::mesh && backend.tls.identities.empty()) {
      complain(backend.endpoints.origin,
               "dns tells no identities, which are needed until the directory has answered",
               "add tls: { identities: [ SPIFFE-ID ] }, or remove dns");
    }
    if (is_in_directory && asked.insert(backend.endpoints.directory).second &&
        asked.size() == limits::kDirectoryServicesMax + 1) {
      complain(backend.endpoints.origin,
               "the directory answers nobody who asks for more than " +
                   std::to_string(limits::kDirectoryServicesMax) + " services",
               "name those alone that this workload dials");
    }
    if (is_in_directory && settings_.directory.url.empty() && !complaints_.are_about("directory")) {
      complain(backend.endpoints.origin, "there is no directory to ask",
               "add directory: { url: https://HOST:PORT, identities: [ SPIFFE-ID ] }");
    }
  }
  if (settings_.directory.origin.line == 0 || settings_.identity.configured()) return;
  if (complaints_.are_about("identity") || complaints_.are_about("directory")) return;
  complain(settings_.directory.origin, "the directory answers members of the mesh alone",
           "add identity: { dir: FOLDER } with cert.pem, key.pem and ca.pem, or identity.service");
}

/// Who is to prefer a zone must know of both which it is: its own, and the endpoints'.
void Validation::check_localities() {
  const bool directory_knows_us =
      !settings_.directory.url.empty() && !settings_.workload.service.empty();
  const bool is_placed = !settings_.workload.zone.empty() || directory_knows_us;
  for (const auto& [name, backend] : settings_.backends) {
    if (backend.origin.line == 0 || !backend.balance.locality) continue;
    if (complaints_.are_about(backend.origin.object)) continue;
    const auto& endpoints = backend.endpoints;
    const auto& origin = backend.balance.locality->origin;
    if (endpoints.zones.empty() && endpoints.directory.empty()) {
      complain(origin, "nobody says in which zones the endpoints are",
               "write endpoints: { zones: { ZONE: { addresses: [...] } } } or endpoints: { "
               "directory: ... }, or remove locality");
    } else if (!is_placed && !complaints_.are_about("workload")) {
      complain(origin, "nobody says in which zone this workload runs",
               "add workload: { zone: ZONE }, or directory and workload.service");
    }
  }
}

}  // namespace

void complete_and_validate(Draft& draft, Complaints& complaints) {
  if (!draft.settings.dns.virtual_v6)
    draft.settings.dns.virtual_v6 = IpNetwork::parse("fd00:e9a0::/32");
  Validation validation(draft, complaints);
  validation.join_backends();
  validation.accept_gateway_routes();
  validation.check_mentions();
  validation.check_roles();
  validation.check_rules();
  validation.check_rate_limits();
  validation.check_services();
  validation.check_own_ports();
  validation.check_identity();
  validation.check_directory();
  validation.check_localities();
}

}  // namespace epaulet::config

#include "config/gateway_translate.h"

#include <algorithm>
#include <memory>
#include <set>
#include <tuple>

#include "config/diagnostic.h"
#include "config/gateway_rule.h"
#include "config/scalar_types.h"
#include "config/shaping_settings.h"

/// Which documents hold for which port of which service, and in which order their matches are
/// asked (GEP-1294, and the documentation of HTTPRouteRule.matches and GRPCRouteRule.matches).
namespace epaulet::config::gateway {
namespace {

/// A route that names a service as its parent.
struct Attachment {
  const Route* route = nullptr;
  bool is_of_consumer = false;  ///< Written in another namespace than the Service's.
  std::set<std::uint16_t> ports;
};

/// Routes that hold together, in the order of their age and name.
using RouteSet = std::vector<const Route*>;

std::string_view word_of(Kind kind) {
  return kind == Kind::http_route ? "HTTPRoute" : "GRPCRoute";
}

std::string title_of(const Route& route) {
  return std::string(word_of(route.kind)) + " " + route.name + "." + route.name_space;
}

/// The oldest first; what has no time is as young as can be.
bool is_older(const Route& a, const Route& b) {
  if (a.created != b.created) {
    if (a.created.empty() || b.created.empty()) return b.created.empty();
    return a.created < b.created;
  }
  return std::tie(a.name_space, a.name) < std::tie(b.name_space, b.name);
}

bool comes_before(const Entry& a, const Entry& b) {
  if (a.rank != b.rank) return a.rank > b.rank;
  if (a.route != b.route) return is_older(*a.route, *b.route);
  return std::tie(a.rule, a.match, a.part) < std::tie(b.rule, b.match, b.part);
}

bool same_headers(const RouteSettings& a, const RouteSettings& b) {
  return std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(),
                    [](const auto& one, const auto& two) {
                      return one.name == two.name && one.exact == two.exact;
                    });
}

bool has_more_than_paths(const RouteSettings& route) {
  return route.shaping != nullptr && (!route.shaping->query.empty() || route.shaping->regex);
}

/// Neighbours of one rule that differ in their paths alone are one route: fewer names in metrics.
void join_neighbours(std::vector<Entry>& entries) {
  std::vector<Entry> joined;
  for (auto& entry : entries) {
    const bool joins = !joined.empty() && joined.back().route == entry.route &&
                       joined.back().rule == entry.rule && joined.back().is_whole &&
                       entry.is_whole && joined.back().settings.methods == entry.settings.methods &&
                       same_headers(joined.back().settings, entry.settings) &&
                       !has_more_than_paths(joined.back().settings) &&
                       !has_more_than_paths(entry.settings);
    if (joins) {
      auto& paths = joined.back().settings.paths;
      for (auto& path : entry.settings.paths) {
        if (std::find(paths.begin(), paths.end(), path) == paths.end())
          paths.push_back(std::move(path));
      }
    } else {
      joined.push_back(std::move(entry));
    }
  }
  entries = std::move(joined);
}

/// `ROUTE:RULE`, where the rule is its name or number, with a number behind what is there already.
class RouteNames {
 public:
  explicit RouteNames(const ServiceSettings& service) : taken_{"default"} {
    for (const auto& route : service.routes) taken_.insert(route.name);
  }

  std::string give(const std::string& wanted) {
    for (std::size_t number = 1;; ++number) {
      const auto suffix = number == 1 ? std::string() : ":" + std::to_string(number);
      auto name = wanted.substr(0, kBytesMax - suffix.size()) + suffix;
      if (taken_.insert(name).second) return name;
    }
  }
  std::string give(const Entry& entry) {
    const auto& rule = entry.route->rules[entry.rule];
    const auto suffix = ":" + (rule.name.empty() ? std::to_string(entry.rule) : rule.name);
    const auto& name = entry.route->name;
    const auto room = kBytesMax - std::min(kBytesMax / 2, suffix.size());
    return give(name.substr(0, room) + suffix);
  }

 private:
  static constexpr std::size_t kBytesMax = 63;  ///< Of check_label().
  std::set<std::string> taken_;
};

class Translator {
 public:
  Translator(std::span<const Route> routes, const Settings& settings)
      : routes_(routes), settings_(settings), names_(settings) {}

  Translation run() {
    check_unique();
    for (const auto& route : routes_) attach(route);
    for (auto& [service, attachments] : attachments_) {
      choose_side(attachments);
      translate_service(settings_.services.at(service), attachments);
    }
    return std::move(out_);
  }

 private:
  void notice(const Origin& origin, std::string message, std::string remedy = {}) {
    out_.notices.push_back({origin, std::move(message), std::move(remedy)});
  }
  void refuse(const Origin& origin, std::string message, std::string remedy) {
    out_.refused.push_back({origin, std::move(message), std::move(remedy)});
  }

  void check_unique();
  void attach(const Route& route);
  bool attach_to(const Route& route, const ParentRef& parent);
  void choose_side(std::vector<Attachment>& attachments);
  void translate_service(const ServiceSettings& service,
                         const std::vector<Attachment>& attachments);
  RouteSet routes_of(std::uint16_t port, const std::vector<Attachment>& attachments);
  void translate_set(const ServiceSettings& service, const RouteSet& routes,
                     const std::vector<std::uint16_t>& ports, RouteNames& route_names);

  std::span<const Route> routes_;
  const Settings& settings_;
  Names names_;
  Translation out_;
  std::map<std::string, std::vector<Attachment>> attachments_;  ///< By service.
  std::set<const Route*> in_conflict_;
};

void Translator::check_unique() {
  std::map<std::string, const Route*> first;
  for (const auto& route : routes_) {
    if (route.name.empty()) continue;
    const auto [other, is_new] = first.try_emplace(title_of(route), &route);
    if (is_new) continue;
    refuse(route.origin,
           "a second " + title_of(route) + ", first in " + other->second->origin.to_string(),
           "keep one of them");
  }
}

// ---- Parents. ----

void Translator::attach(const Route& route) {
  if (route.name.empty()) return;  // Complained of.
  bool is_attached = false;
  for (const auto& parent : route.parents) is_attached = attach_to(route, parent) || is_attached;
  if (route.parents.empty())
    notice(route.origin, title_of(route) + " has no parentRefs and is for nobody",
           "add the Service that it is for");
  if (!is_attached || route.hostnames.empty()) return;
  notice(route.origin,
         "hostnames of " + title_of(route) +
             " are not looked at: a Service is known by its name alone",
         "match the header Host instead, or remove them");
}

bool Translator::attach_to(const Route& route, const ParentRef& parent) {
  const bool is_service =
      parent.kind == "Service" && (parent.group.empty() || parent.group == "core");
  if (!is_service) {
    notice(parent.origin, "the parent " + parent.name + " is a " + in_quotes(parent.kind) +
                              " and no Service, so this is not for sidecars");
    return false;
  }
  const auto& name_space = parent.name_space.empty() ? route.name_space : parent.name_space;
  const auto* service = names_.service(parent.name, name_space);
  if (service == nullptr) {
    notice(parent.origin, "this workload dials no Service " + parent.name + "." + name_space,
           "add it under services, or ignore this if it does not");
    return false;
  }
  Attachment attachment{&route, name_space != route.name_space, {}};
  const auto named = service->port_names.find(parent.section_name);
  for (const auto& [port, protocol] : service->ports) {
    const bool is_meant = (!parent.port || *parent.port == port) &&
                          (parent.section_name.empty() ||
                           (named != service->port_names.end() && named->second == port));
    if (is_meant && protocol != PortProtocol::tcp) attachment.ports.insert(port);
  }
  if (attachment.ports.empty()) {
    notice(parent.origin, "services." + service->name + " has no such port for HTTP",
           "name one of its ports, by number or by its name under port_names");
    return false;
  }
  attachments_[service->name].push_back(std::move(attachment));
  return true;
}

/// Routes of a consumer hold for its own namespace, and there instead of the producer's.
void Translator::choose_side(std::vector<Attachment>& attachments) {
  const auto& own = names_.own_name_space();
  std::erase_if(attachments, [&](const Attachment& one) {
    const bool is_foreign = one.is_of_consumer && !own.empty() && one.route->name_space != own;
    if (is_foreign)
      notice(one.route->origin, title_of(*one.route) + " is for callers of namespace " +
                                    one.route->name_space + ", and this workload is of " + own);
    return is_foreign;
  });
  const bool has_consumer = std::any_of(attachments.begin(), attachments.end(),
                                        [](const auto& one) { return one.is_of_consumer; });
  if (!has_consumer) return;
  std::erase_if(attachments, [&](const Attachment& one) {
    if (!one.is_of_consumer)
      notice(one.route->origin,
             title_of(*one.route) + " gives way to the routes of the caller's own namespace");
    return !one.is_of_consumer;
  });
}

// ---- Services. ----

/// Of two kinds at one port, GRPCRoute holds alone (GEP-1294, "Route types").
RouteSet Translator::routes_of(std::uint16_t port, const std::vector<Attachment>& attachments) {
  RouteSet all;
  for (const auto& one : attachments) {
    const bool is_known = std::find(all.begin(), all.end(), one.route) != all.end();
    if (one.ports.contains(port) && !is_known) all.push_back(one.route);
  }
  const bool has_grpc = std::any_of(
      all.begin(), all.end(), [](const Route* route) { return route->kind == Kind::grpc_route; });
  if (has_grpc) {
    std::erase_if(all, [&](const Route* route) {
      if (route->kind == Kind::grpc_route) return false;
      if (in_conflict_.insert(route).second)
        notice(route->origin, title_of(*route) + " gives way to the GRPCRoute of port " +
                                  std::to_string(port) + " of the same Service");
      return true;
    });
  }
  std::sort(all.begin(), all.end(),
            [](const Route* a, const Route* b) { return is_older(*a, *b); });
  return all;
}

void Translator::translate_service(const ServiceSettings& service,
                                   const std::vector<Attachment>& attachments) {
  std::map<RouteSet, std::vector<std::uint16_t>> sets;
  std::size_t ports = 0;
  for (const auto& [port, protocol] : service.ports) {
    if (protocol == PortProtocol::tcp) continue;
    ++ports;
    auto routes = routes_of(port, attachments);
    if (!routes.empty()) sets[std::move(routes)].push_back(port);
  }
  RouteNames route_names(service);
  for (const auto& [routes, of_ports] : sets) {
    const bool are_all = of_ports.size() == ports;
    translate_set(service, routes, are_all ? std::vector<std::uint16_t>() : of_ports, route_names);
  }
}

/// What no match is for is not found.
RouteSettings not_found(const Route& route) {
  RouteSettings last;
  last.origin = route.origin;
  last.paths = {"/**"};
  last.shaping = std::make_shared<ShapingSettings>();
  last.shaping->refuse.emplace().origin = route.origin;
  return last;
}

void Translator::translate_set(const ServiceSettings& service, const RouteSet& routes,
                               const std::vector<std::uint16_t>& ports, RouteNames& route_names) {
  std::vector<Entry> entries;
  for (const Route* route : routes) {
    for (std::size_t i = 0; i < route->rules.size(); ++i)
      translate_rule(*route, i, names_, out_, entries);
  }
  std::sort(entries.begin(), entries.end(), comes_before);
  join_neighbours(entries);
  auto& to = out_.routes[service.name];
  const auto add = [&](RouteSettings settings, std::string name) {
    settings.name = std::move(name);
    if (!ports.empty()) {
      if (settings.shaping == nullptr) settings.shaping = std::make_shared<ShapingSettings>();
      settings.shaping->ports = ports;
    }
    to.push_back(std::move(settings));
  };
  for (auto& entry : entries) {
    auto name = route_names.give(entry);
    add(std::move(entry.settings), std::move(name));
  }
  add(not_found(*routes.front()), route_names.give("unmatched"));
  if (service.routes.size() + to.size() > types::kListMax)
    refuse(routes.front()->origin,
           "services." + service.name + " gets more than " + std::to_string(types::kListMax) +
               " routes",
           "write fewer matches");
}

/// A rule is read once for each set of ports, and complained of once.
void keep_one_of_each(std::vector<Notice>& notices) {
  std::set<std::tuple<std::string, std::uint32_t, std::uint32_t, std::string>> seen;
  std::erase_if(notices, [&](const Notice& notice) {
    const auto& at = notice.origin;
    return !seen.emplace(at.source, at.line, at.column, notice.message).second;
  });
}

}  // namespace

Translation translate(std::span<const Route> routes, const Settings& settings) {
  auto out = Translator(routes, settings).run();
  keep_one_of_each(out.refused);
  keep_one_of_each(out.notices);
  return out;
}

}  // namespace epaulet::config::gateway

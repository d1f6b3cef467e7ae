#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "k8s/doctor/checks.h"

/// What our programs may do at the API server: what is bound to them, and what that allows.
namespace epaulet::kube {
namespace {

struct Need {
  std::string_view group;
  std::string_view resource;
  std::string_view verb;
};

constexpr Need kIdentity[] = {{"authentication.k8s.io", "tokenreviews", "create"}};
constexpr Need kDirectory[] = {
    {"", "services", "list"},
    {"", "services", "watch"},
    {"", "pods", "list"},
    {"", "pods", "watch"},
    {"discovery.k8s.io", "endpointslices", "list"},
    {"discovery.k8s.io", "endpointslices", "watch"},
    {"gateway.networking.k8s.io", "httproutes", "list"},
    {"gateway.networking.k8s.io", "httproutes", "watch"},
    {"gateway.networking.k8s.io", "grpcroutes", "list"},
    {"gateway.networking.k8s.io", "grpcroutes", "watch"},
    {"gateway.networking.k8s.io", "httproutes/status", "patch"},
    {"gateway.networking.k8s.io", "grpcroutes/status", "patch"},
    {"", "events", "create"},
};

bool names(const json::object& rule, std::string_view key, std::string_view wanted) {
  const auto* list = array_in(rule, key);
  return list != nullptr && std::any_of(list->begin(), list->end(), [&](const auto& each) {
           return each.is_string() && (each.get_string() == "*" || each.get_string() == wanted);
         });
}

bool allows(const json::object& role, const Need& need) {
  const auto* rules = array_in(role, "rules");
  return rules != nullptr && std::any_of(rules->begin(), rules->end(), [&](const auto& each) {
           const auto* rule = each.if_object();
           return rule != nullptr && !rule->contains("resourceNames") &&
                  names(*rule, "apiGroups", need.group) &&
                  names(*rule, "resources", need.resource) && names(*rule, "verbs", need.verb);
         });
}

bool is_bound(const json::object* binding, const Question& question, std::string_view name) {
  const auto* subjects = binding == nullptr ? nullptr : array_in(*binding, "subjects");
  return subjects != nullptr && text_at(*binding, {"roleRef", "name"}) == name &&
         std::any_of(subjects->begin(), subjects->end(), [&](const auto& each) {
           const auto* subject = each.if_object();
           return subject != nullptr && text_in(*subject, "name") == name &&
                  text_in(*subject, "namespace") == question.system_namespace;
         });
}

/// False: it could not be read, which is told.
bool is_readable(const Fact& fact, std::string_view kind, std::string_view name,
                 DoctorReport& report) {
  if (fact.is_there() || fact.is_absent()) return true;
  report.warn("rights",
              fmt::format("the {} {} cannot be read: {}", kind, name, printable(fact.why)),
              "ask again as somebody who may");
  return false;
}

}  // namespace

void check_rights(const Facts& facts, const Question& question, const char* name,
                  const char* consequence, DoctorReport& report) {
  const auto& bound = facts.at(paths::role_binding(name));
  const auto& role = facts.at(paths::role(name));
  if (!is_readable(bound, "ClusterRoleBinding", name, report) ||
      !is_readable(role, "ClusterRole", name, report))
    return;
  if (!is_bound(facts.object(paths::role_binding(name)), question, name)) {
    return report.fail("rights",
                       fmt::format("{} has no rights at the API server, so {}", name, consequence),
                       fmt::format("helm upgrade puts the ClusterRoleBinding {} back", name));
  }
  const std::span<const Need> needs =
      std::string_view(name) == "epaulet-identity" ? std::span<const Need>(kIdentity) : kDirectory;
  const auto* rules = facts.object(paths::role(name));
  std::vector<std::string> missing;
  for (const auto& need : needs) {
    if (rules == nullptr || !allows(*rules, need))
      missing.push_back(fmt::format("{} {}", need.verb, need.resource));
  }
  if (missing.empty())
    return report.ok("rights", fmt::format("{} has the rights that it needs", name));
  report.fail(
      "rights",
      fmt::format("{} may not {}: its ClusterRole does not say so", name, fmt::join(missing, ", ")),
      fmt::format("helm upgrade puts the ClusterRole {} back", name));
}

}  // namespace epaulet::kube

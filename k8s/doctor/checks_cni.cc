#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "k8s/doctor/checks.h"

/// The plugin that installs the rules from outside of pods.
namespace epaulet::kube {
namespace {

constexpr std::string_view kName = "epaulet-cni";
constexpr std::size_t kNamedMax = 8;

bool is_ready(const json::object& pod) {
  const auto* status = object_in(pod, "status");
  const auto* conditions = status == nullptr ? nullptr : array_in(*status, "conditions");
  return conditions != nullptr &&
         std::any_of(conditions->begin(), conditions->end(), [](const auto& each) {
           const auto* one = each.if_object();
           return one != nullptr && text_in(*one, "type") == "Ready" &&
                  text_in(*one, "status") == "True";
         });
}

std::set<std::string, std::less<>> ready_nodes(const json::array& pods) {
  std::set<std::string, std::less<>> nodes;
  for (const auto& each : pods) {
    const auto* pod = each.if_object();
    if (pod == nullptr || !is_ready(*pod) ||
        text_at(*pod, {"metadata", "labels", "app.kubernetes.io/name"}) != kName)
      continue;
    nodes.emplace(text_at(*pod, {"spec", "nodeName"}));
  }
  return nodes;
}

/// No node of another system does.
bool may_run_the_mesh(const json::object& node) {
  const auto system = text_at(node, {"metadata", "labels", "kubernetes.io/os"});
  return system.empty() || system == "linux";
}

}  // namespace

bool is_by_cni(const Facts& facts, const Question& question) {
  return injector_argument(facts, question, "redirect") == "cni";
}

void check_cni(const Facts& facts, const Question& question, DoctorReport& report) {
  if (!is_by_cni(facts, question)) return;
  const std::string about(kName);
  const auto& space = question.system_namespace;
  if (facts.at(paths::daemon_set(question)).is_absent()) {
    return report.fail(about,
                       fmt::format("there is no DaemonSet {}/{}, and the injector counts on it: no "
                                   "pod of the mesh starts",
                                   space, kName),
                       "helm upgrade puts it back (cni.enabled)");
  }
  for (const auto& path :
       {paths::daemon_set(question), std::string(paths::kNodes), paths::cni_pods(question)}) {
    if (!facts.at(path).is_there()) {
      return report.warn(
          about,
          fmt::format("on which nodes it is ready is not told: {}", printable(facts.at(path).why)),
          fmt::format("ask as somebody who may list nodes, and DaemonSets and pods of {}", space));
    }
  }
  const auto ready = ready_nodes(facts.items(paths::cni_pods(question)));
  std::string missing;
  std::size_t count = 0;
  for (const auto& each : facts.items(paths::kNodes)) {
    const auto* node = each.if_object();
    if (node != nullptr && !may_run_the_mesh(*node)) continue;
    const auto name = node == nullptr ? "" : text_at(*node, {"metadata", "name"});
    if (ready.contains(name) || count++ >= kNamedMax) continue;
    missing += (missing.empty() ? "" : ", ") + printable(name, 80);
  }
  if (count == 0) return report.ok(about, fmt::format("ready on {} nodes", ready.size()));
  if (count > kNamedMax) missing += fmt::format(" and {} more", count - kNamedMax);
  report.fail(
      about, fmt::format("it is not ready on {}: pods of the mesh do not start there", missing),
      fmt::format("kubectl -n {} describe pods -l app.kubernetes.io/name={}; their log says "
                  "what they miss; cni.tolerations and cni.nodeSelector say where they run",
                  space, kName));
}

}  // namespace epaulet::kube

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <set>

#include "k8s/doctor/certificates.h"
#include "k8s/doctor/checks.h"

/// The cluster itself: what we need of it, and who else is there.
namespace epaulet::kube {
namespace {

constexpr std::chrono::seconds kSkewMax{60};
constexpr std::chrono::seconds kLeaseEvery{40};  ///< A kubelet that lives renews within that.

/// RFC 3339 with or without a fraction, UTC; nothing if it is another text.
std::optional<WallTime> time_of(std::string_view text) {
  const std::string whole(text.substr(0, 19));
  std::tm parts{};
  const char* end = ::strptime(whole.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr || *end != 0 || !text.ends_with('Z')) return std::nullopt;
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

void check_version(const Facts& facts, DoctorReport& report) {
  constexpr std::string_view kAbout = "cluster";
  const auto& fact = facts.at(paths::kVersion);
  const auto* version = facts.object(paths::kVersion);
  if (version == nullptr) {
    return report.warn(kAbout, "its version is not told: " + printable(fact.why),
                       "may you ask for /version?");
  }
  const std::string minor(text_in(*version, "minor"));
  const auto git = printable(text_in(*version, "gitVersion"), 40);
  if (text_in(*version, "major") == "1" && std::atoi(minor.c_str()) < 29) {
    return report.warn(kAbout, "Kubernetes " + git + " has no native sidecars",
                       "install with injector.sidecar=container");
  }
  report.ok(kAbout, "Kubernetes " + git);
}

/// Pods have their node's clock, and certificates live by it.
void check_clocks(const Facts& facts, DoctorReport& report) {
  constexpr std::string_view kAbout = "clocks";
  std::size_t nodes = 0;
  std::size_t wrong = 0;
  for (const auto& each : facts.items(paths::kLeases)) {
    const auto* lease = each.if_object();
    const auto renewed =
        lease == nullptr ? std::nullopt : time_of(text_at(*lease, {"spec", "renewTime"}));
    if (!renewed) continue;
    ++nodes;
    const auto behind = facts.now() - *renewed;
    if (behind >= -kSkewMax && behind <= kLeaseEvery + kSkewMax) continue;
    ++wrong;
    const auto name = printable(text_at(*lease, {"metadata", "name"}), 80);
    report.warn(kAbout,
                fmt::format("the kubelet of node {} gave its last sign of life {} {}", name,
                            span_text(behind),
                            behind.count() > 0 ? "ago" : "from now: its clock is ahead of ours"),
                "is the node up, and do its clock and the one here run with NTP? Certificates are "
                "judged by them");
  }
  if (nodes > 0 && wrong == 0)
    report.ok(kAbout, fmt::format("{} nodes and this program agree within a minute", nodes));
}

}  // namespace

std::optional<bool> inject_label(const json::object* labels) {
  const auto value = labels == nullptr ? "" : text_in(*labels, "epaulet.io/inject");
  if (value == "true" || value == "enabled") return true;
  if (value == "false" || value == "disabled") return false;
  return std::nullopt;
}

void check_cluster(const Facts& facts, DoctorReport& report) {
  check_version(facts, report);
  check_clocks(facts, report);
}

bool is_never_meshed(std::string_view name_space, const Question& question) {
  return name_space == question.system_namespace || name_space == "kube-system" ||
         name_space == "kube-public" || name_space == "kube-node-lease";
}

void check_namespaces(const Facts& facts, const Question& question, DoctorReport& report) {
  constexpr std::string_view kAbout = "namespaces";
  const auto& fact = facts.at(paths::kNamespaces);
  if (!fact.is_there()) {
    return report.fail(kAbout, "they cannot be listed: " + printable(fact.why),
                       "ask as somebody who may list namespaces and pods of the cluster");
  }
  std::size_t labelled = 0;
  for (const auto& each : facts.items(paths::kNamespaces)) {
    const auto* space = each.if_object();
    if (space == nullptr) continue;
    const auto* labels = find_object(*space, {"metadata", "labels"});
    const auto name = printable(text_at(*space, {"metadata", "name"}), 80);
    const auto asked = inject_label(labels);
    if (!asked && labels != nullptr && labels->contains("epaulet.io/inject")) {
      report.fail(
          kAbout,
          fmt::format("{} has the label epaulet.io/inject: \"{}\", which selects nothing", name,
                      printable(text_in(*labels, "epaulet.io/inject"), 40)),
          fmt::format("kubectl label --overwrite namespace {} epaulet.io/inject=enabled", name));
    }
    if (!asked || !*asked) continue;
    ++labelled;
    if (is_never_meshed(name, question)) {
      report.warn(kAbout, fmt::format("{} is labelled, and is never in the mesh", name),
                  fmt::format("kubectl label namespace {} epaulet.io/inject-", name));
    }
    const auto enforced = text_in(*labels, "pod-security.kubernetes.io/enforce");
    if (!is_by_cni(facts, question) && (enforced == "baseline" || enforced == "restricted")) {
      report.fail(kAbout,
                  fmt::format("{} enforces the Pod Security level {}, which refuses the init "
                              "container that installs the redirect (NET_ADMIN)",
                              name, enforced),
                  "enforce privileged there, or let a CNI plugin install the rules "
                  "(cni.enabled=true)");
    }
  }
  if (labelled > 0) {
    report.ok(kAbout, fmt::format("{} are labelled for the mesh", labelled));
  } else {
    report.warn(kAbout, "none is labelled for the mesh",
                "kubectl label namespace NAME epaulet.io/inject=enabled");
  }
}

void check_other_meshes(const Facts& facts, DoctorReport& report) {
  for (const auto& each : facts.items(paths::kWebhooks)) {
    const auto* config = each.if_object();
    if (config == nullptr) continue;
    const auto name = text_at(*config, {"metadata", "name"});
    for (const std::string_view other : {"istio-sidecar-injector", "linkerd-proxy-injector",
                                         "kuma-admission", "consul-connect-injector"}) {
      if (!name.starts_with(other)) continue;
      report.warn("other meshes", fmt::format("the webhook {} is there", printable(name, 80)),
                  "a pod can be in one mesh only: label no namespace for both");
    }
  }
}

void diagnose_before(const Facts& facts, const Question& question, DoctorReport& report) {
  check_cluster(facts, report);
  check_namespaces(facts, question, report);
  check_other_meshes(facts, report);
  bool is_there = false;
  for (const auto& each : facts.items(paths::kNamespaces)) {
    const auto* space = each.if_object();
    is_there = is_there || (space != nullptr &&
                            text_at(*space, {"metadata", "name"}) == question.system_namespace);
  }
  if (!is_there) {
    report.warn("install", fmt::format("there is no namespace {} yet", question.system_namespace),
                fmt::format("kubectl create namespace {}", question.system_namespace));
  }
  check_ca(facts, question, report);
}

void diagnose(const Facts& facts, const Question& question, DoctorReport& report) {
  check_cluster(facts, report);
  check_programs(facts, question, report);
  check_cni(facts, question, report);
  check_ca(facts, question, report);
  check_webhook(facts, question, report);
  check_other_meshes(facts, report);
  check_namespaces(facts, question, report);
  check_pods(facts, question, report);
}

}  // namespace epaulet::kube

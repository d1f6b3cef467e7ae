#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "crypto/identity.h"
#include "k8s/doctor/certificates.h"
#include "k8s/doctor/checks.h"

/// Those who should be in the mesh.
namespace epaulet::kube {
namespace {

constexpr std::string_view kAbout = "pods";
constexpr std::size_t kNamedMax = 8;

/// Who shares a trouble; told as one.
class Group {
 public:
  void add(const json::object& pod) {
    if (count_++ >= kNamedMax) return;
    names_ += (names_.empty() ? "" : ", ") + printable(full_name(pod), 120);
  }
  [[nodiscard]] bool is_empty() const { return count_ == 0; }
  [[nodiscard]] std::string text() const {
    return count_ > kNamedMax ? fmt::format("{} and {} more", names_, count_ - kNamedMax) : names_;
  }

 private:
  std::size_t count_ = 0;
  std::string names_;
};

const json::object* container_in(const json::object& pod, std::string_view name) {
  const auto* spec = object_in(pod, "spec");
  if (spec == nullptr) return nullptr;
  for (const std::string_view list : {"initContainers", "containers"}) {
    const auto* containers = array_in(*spec, list);
    if (containers == nullptr) continue;
    for (const auto& each : *containers) {
      if (each.is_object() && text_in(each.get_object(), "name") == name) return &each.get_object();
    }
  }
  return nullptr;
}

const json::object* status_of(const json::object& pod, std::string_view name) {
  const auto* status = object_in(pod, "status");
  if (status == nullptr) return nullptr;
  for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    const auto* statuses = array_in(*status, list);
    if (statuses == nullptr) continue;
    for (const auto& each : *statuses) {
      if (each.is_object() && text_in(each.get_object(), "name") == name) return &each.get_object();
    }
  }
  return nullptr;
}

/// How it last ended or what it waits for, in a word; "" if it runs or has ended well.
std::string trouble_of(const json::object& status) {
  const auto waits = text_at(status, {"state", "waiting", "reason"});
  if (!waits.empty() && waits != "PodInitializing" && waits != "ContainerCreating")
    return printable(waits, 60);
  for (const std::string_view when : {"state", "lastState"}) {
    const auto* ended = find_object(status, {when, "terminated"});
    if (ended == nullptr || number_in(*ended, "exitCode").value_or(0) == 0) continue;
    const auto code = number_in(*ended, "exitCode").value_or(0);
    if (when == "lastState" && is_true_in(status, "ready")) continue;
    return fmt::format("exit code {}", code);
  }
  return "";
}

class PodChecks {
 public:
  PodChecks(const Facts& facts, const Question& question, DoctorReport& report)
      : facts_(facts),
        question_(question),
        report_(report),
        roots_(mesh_roots(facts, question)),
        image_(injector_argument(facts, question, "image").value_or("")) {
    for (const auto& each : facts.items(paths::kNamespaces)) {
      const auto* space = each.if_object();
      if (space == nullptr) continue;
      const std::string name(text_at(*space, {"metadata", "name"}));
      const auto* labels = find_object(*space, {"metadata", "labels"});
      labelled_[name] = inject_label(labels).value_or(false);
      if (!labelled_[name] && labels != nullptr && labels->contains("epaulet.io/inject"))
        closed_.insert(name);
    }
  }

  void run() {
    for (const auto& each : facts_.items(paths::pods(question_))) {
      if (each.is_object()) look_at(each.get_object());
    }
    tell();
  }

 private:
  void look_at(const json::object& pod) {
    const auto space = text_at(pod, {"metadata", "namespace"});
    const auto phase = text_at(pod, {"status", "phase"});
    if (is_never_meshed(space, question_)) return;
    if (phase == "Succeeded" || phase == "Failed" ||
        !text_at(pod, {"metadata", "deletionTimestamp"}).empty())
      return;
    const auto* labels = find_object(pod, {"metadata", "labels"});
    const auto own = inject_label(labels);
    const auto noted = inject_label(find_object(pod, {"metadata", "annotations"}));
    const auto in_namespace = labelled_.find(space);
    const bool is_labelled = in_namespace != labelled_.end() && in_namespace->second;
    // The API server looks at labels alone; the injector then heeds the annotation, too.
    const bool is_asked = own.value_or(is_labelled);
    const bool has_sidecar = container_in(pod, "epaulet") != nullptr;
    if (own.value_or(false) && !has_sidecar && closed_.contains(space)) return shut_out_.add(pod);
    if (!is_asked && noted.value_or(false) && !has_sidecar) unheard_.add(pod);
    if (is_asked && noted.value_or(true) && !has_sidecar) bare_.add(pod);
    if (has_sidecar) look_at_sidecar(pod);
  }

  void look_at_sidecar(const json::object& pod) {
    ++meshed_;
    for (const auto& name : config_maps_of(pod)) {
      const auto path = paths::config_map(text_at(pod, {"metadata", "namespace"}), name);
      if (facts_.at(path).is_absent()) {
        report_.fail(kAbout,
                     fmt::format("{} names the ConfigMap {}, which does not exist: it cannot start",
                                 printable(full_name(pod), 120), name),
                     "create it, or mend the annotation epaulet.io/config of the pod template");
      }
    }
    const auto* init = status_of(pod, "epaulet-init");
    if (const auto trouble = init == nullptr ? "" : trouble_of(*init); !trouble.empty()) {
      return report_.fail(
          kAbout,
          fmt::format("the redirect rules of {} are not installed: epaulet-init, {}",
                      printable(full_name(pod), 120), trouble),
          fmt::format(
              "kubectl -n {} logs {} -c epaulet-init{}", text_at(pod, {"metadata", "namespace"}),
              text_at(pod, {"metadata", "name"}),
              is_by_cni(facts_, question_)
                  ? "; once epaulet-cni is ready on its node, delete it: its successor gets "
                    "the rules"
                  : ""));
    }
    if (container_in(pod, "epaulet-init") == nullptr) unruled_.add(pod);
    const auto* sidecar = status_of(pod, "epaulet");
    if (sidecar != nullptr && !is_true_in(*sidecar, "ready")) {
      const auto trouble = trouble_of(*sidecar);
      const auto what =
          fmt::format("the sidecar of {} is not ready{}", printable(full_name(pod), 120),
                      trouble.empty() ? "" : ": " + trouble);
      const auto remedy = fmt::format(
          "kubectl -n {} logs {} -c epaulet; or in it: kubectl exec ... -- epaulet doctor pod",
          text_at(pod, {"metadata", "namespace"}), text_at(pod, {"metadata", "name"}));
      trouble.empty() ? report_.warn(kAbout, what, remedy) : report_.fail(kAbout, what, remedy);
    } else {
      ++well_;
    }
    const auto image = text_in(*container_in(pod, "epaulet"), "image");
    if (!image_.empty() && image != image_) old_.add(pod);
    if (!trusts_a_root(pod)) rootless_.add(pod);
  }

  /// One is enough: during a rotation there are two.
  [[nodiscard]] bool trusts_a_root(const json::object& pod) const {
    const auto pem = text_at(pod, {"metadata", "annotations", "epaulet.io/trust-roots"});
    if (roots_.empty() || pem.empty()) return true;
    const auto pinned = Certificate::parse_pem(pem, "roots", 64);
    if (!pinned) return false;
    return std::any_of(pinned->begin(), pinned->end(), [this](const Certificate& one) {
      return std::any_of(roots_.begin(), roots_.end(), [&](const Certificate& root) {
        return root.fingerprint() == one.fingerprint();
      });
    });
  }

  void tell() {
    constexpr const char* kRestart =
        "create them anew: kubectl -n NAMESPACE rollout restart deployment (statefulset, "
        "daemonset)";
    if (!bare_.is_empty()) {
      report_.fail(kAbout, "should be in the mesh and have no sidecar: " + bare_.text(),
                   fmt::format("{}; if they are not to be, label them epaulet.io/inject: \"false\"",
                               kRestart));
    }
    if (!unheard_.is_empty()) {
      report_.warn(
          kAbout, "ask for a sidecar by an annotation alone, which nobody sees: " + unheard_.text(),
          "write epaulet.io/inject: \"true\" as a label of the pod template");
    }
    if (!shut_out_.is_empty()) {
      report_.warn(kAbout,
                   "ask for a sidecar where their namespace's label says no, so nobody is asked: " +
                       shut_out_.text(),
                   "kubectl label namespace NAMESPACE epaulet.io/inject-, then create them anew");
    }
    if (!unruled_.is_empty()) {
      report_.fail(kAbout,
                   "have no epaulet-init, so nobody knows whether anything is redirected: " +
                       unruled_.text(),
                   kRestart);
    }
    if (!rootless_.is_empty()) {
      report_.fail(kAbout, "trust none of the mesh's roots of today: " + rootless_.text(),
                   kRestart);
    }
    if (!old_.is_empty()) {
      report_.warn(kAbout,
                   fmt::format("have another image of the sidecar than new pods get ({}): {}",
                               printable(image_, 120), old_.text()),
                   kRestart);
    }
    if (well_ > 0 || meshed_ > 0)
      report_.ok(kAbout, fmt::format("{} of {} with a sidecar are ready", well_, meshed_));
  }

  const Facts& facts_;
  const Question& question_;
  DoctorReport& report_;
  const std::vector<Certificate> roots_;
  const std::string image_;
  std::map<std::string, bool, std::less<>> labelled_;
  std::size_t meshed_ = 0;
  std::size_t well_ = 0;
  std::set<std::string, std::less<>> closed_;  ///< Labelled otherwise than to be in the mesh.
  Group bare_, unheard_, shut_out_, unruled_, old_, rootless_;
};

/// When it was last said, as RFC 3339: such texts are in the order of their times.
std::string_view time_of(const json::object& event) {
  for (const auto when :
       {text_at(event, {"series", "lastObservedTime"}), text_in(event, "lastTimestamp"),
        text_in(event, "eventTime"), text_at(event, {"metadata", "creationTimestamp"})}) {
    if (!when.empty()) return when;
  }
  return {};
}

/// "StatefulSet shop/web"
std::string subject_of(const json::object& event) {
  return fmt::format("{} {}/{}", text_at(event, {"involvedObject", "kind"}),
                     text_at(event, {"involvedObject", "namespace"}),
                     text_at(event, {"involvedObject", "name"}));
}

/// Of those whose status does not say it: StatefulSets, DaemonSets, Jobs. An Event stays for an
/// hour or so, and one about a pod that was created since means that it is mended.
void check_refused_events(const Facts& facts, const Question& question, DoctorReport& report) {
  const auto& failed = facts.at(paths::failed_creates(question));
  const auto& succeeded = facts.at(paths::successful_creates(question));
  if (!failed.is_there() || !succeeded.is_there()) {
    return report.warn("refused",
                       "whether StatefulSets, DaemonSets and Jobs get their pods cannot be seen: " +
                           printable(failed.is_there() ? succeeded.why : failed.why),
                       "ask as somebody who may list events");
  }
  std::map<std::string, const json::object*> last;
  for (const auto& each : facts.items(paths::failed_creates(question))) {
    const auto* event = each.if_object();
    if (event == nullptr || text_at(*event, {"involvedObject", "kind"}) == "ReplicaSet") continue;
    const auto message = text_in(*event, "message");
    if (message.find("injector.epaulet.io") == message.npos) continue;
    auto& newest = last[subject_of(*event)];
    if (newest == nullptr || time_of(*newest) < time_of(*event)) newest = event;
  }
  for (const auto& each : facts.items(paths::successful_creates(question))) {
    const auto* event = each.if_object();
    const auto found = event == nullptr ? last.end() : last.find(subject_of(*event));
    if (found != last.end() && time_of(*found->second) < time_of(*event)) last.erase(found);
  }
  for (const auto& [subject, event] : last) {
    report.fail(
        "refused",
        fmt::format("{} got no pod at {}: {}", printable(subject, 150),
                    printable(time_of(*event), 40), printable(text_in(*event, "message"), 500)),
        "what the message says; the injector's log has it, too. If it is deleted since, its Event "
        "goes within the hour");
  }
}

/// Pods that the API server did not create, since the injector refused them or was away.
void check_refused(const Facts& facts, const Question& question, DoctorReport& report) {
  for (const auto& each : facts.items(paths::replica_sets(question))) {
    const auto* set = each.if_object();
    const auto* status = set == nullptr ? nullptr : object_in(*set, "status");
    const auto* conditions = status == nullptr ? nullptr : array_in(*status, "conditions");
    if (conditions == nullptr) continue;
    for (const auto& one : *conditions) {
      const auto* condition = one.if_object();
      if (condition == nullptr || text_in(*condition, "type") != "ReplicaFailure" ||
          text_in(*condition, "status") != "True")
        continue;
      const auto message = text_in(*condition, "message");
      if (message.find("injector.epaulet.io") == message.npos) continue;
      report.fail("refused",
                  fmt::format("{} gets no pods: {}", printable(full_name(*set), 120),
                              printable(message, 500)),
                  "what the message says; the injector's log has it, too");
    }
  }
}

}  // namespace

std::vector<std::string> config_maps_of(const json::object& pod) {
  std::vector<std::string> names;
  auto rest = text_at(pod, {"metadata", "annotations", "epaulet.io/config"});
  if (container_in(pod, "epaulet") == nullptr) return names;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    std::string name;
    for (const char c : rest.substr(0, comma)) {
      if (c != ' ') name += c;
    }
    if (!name.empty() && name.find('/') == name.npos) names.push_back(std::move(name));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return names;
}

void check_pods(const Facts& facts, const Question& question, DoctorReport& report) {
  const auto& fact = facts.at(paths::pods(question));
  if (!fact.is_there()) {
    return report.fail(kAbout, "they cannot be listed: " + printable(fact.why),
                       "ask as somebody who may list pods, or of one namespace: --pods-of NAME");
  }
  PodChecks(facts, question, report).run();
  check_refused(facts, question, report);
  check_refused_events(facts, question, report);
}

}  // namespace epaulet::kube

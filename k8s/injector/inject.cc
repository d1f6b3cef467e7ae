#include "k8s/injector/inject.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/loader.h"
#include "crypto/path_secret.h"
#include "k8s/injector/app_metrics.h"
#include "k8s/injector/hold.h"
#include "k8s/injector/json_patch.h"
#include "k8s/injector/sidecar.h"

namespace epaulet::injector {
namespace {

bool is_ours(const json::value& entry) {
  const auto* object = entry.if_object();
  if (object == nullptr) return false;
  const auto name = text_in(*object, "name");
  return name == kSidecarName || name == kInitName;
}

bool is_our_volume(const json::value& entry) {
  const auto* object = entry.if_object();
  return object != nullptr && text_in(*object, "name").starts_with(kVolumePrefix);
}

template <class Is>
void erase_from(json::object& spec, std::string_view key, Is is) {
  if (array_in(spec, key) == nullptr) return;
  auto& list = spec.at(key).get_array();
  list.erase(std::remove_if(list.begin(), list.end(), is), list.end());
}

template <class Is>
bool any_in(const json::object& spec, std::string_view key, Is is) {
  const auto* list = array_in(spec, key);
  return list != nullptr && std::any_of(list->begin(), list->end(), is);
}

bool runs_as_proxy(const json::object& holder) {
  const auto* security = object_in(holder, "securityContext");
  return security != nullptr && number_in(*security, "runAsUser") == kProxyUid;
}

/// Or keeps those that a runtime gives by itself.
bool adds_capabilities(const json::object& container) {
  const auto* security = object_in(container, "securityContext");
  const auto* capabilities = security == nullptr ? nullptr : object_in(*security, "capabilities");
  return capabilities == nullptr || capabilities->contains("add") ||
         !capabilities->contains("drop");
}

Verdict refused(const Review& review, const Reason& why) {
  Verdict verdict;
  verdict.allowed = false;
  verdict.refusal = fmt::format("pod {}/{}: {}", review.name_space, review.pod_name, why.what);
  if (!why.remedy.empty()) verdict.refusal += "; remedy: " + why.remedy;
  return verdict;
}

LoadResult load_with_mesh(std::string_view own, std::string_view mesh) {
  std::vector<ConfigText> texts{{"epaulet.yaml", own, "/etc/epaulet/pod"}};
  if (!mesh.empty()) texts.push_back({"mesh.yaml", mesh, "/etc/epaulet/pod"});
  return load_settings(texts);
}

/// A pod on its way into the mesh.
class Injection {
 public:
  Injection(const Review& review, const InjectorSettings& settings)
      : review_(review),
        settings_(settings),
        pod_(review.pod),
        spec_(spec_of(pod_)),
        probe_secret_(review.probe_secret) {}

  Verdict run() {
    if (auto why = undo()) return refused(review_, *why);
    if (auto why = unfit()) return refused(review_, *why);
    auto options = read_annotations(metadata(), settings_.resources);
    if (!options) return refused(review_, options.error());
    if (auto why = collect_ports(*options)) return refused(review_, *why);
    RewrittenProbes rewritten;
    rewritten.secret = probe_secret_;
    // A probe of an init container is a sidecar's of somebody else.
    for (const std::string_view list : {"initContainers", "containers"}) {
      if (array_in(spec_, list) == nullptr) continue;
      auto& containers = spec_.at(list).get_array();
      const auto grace = number_in(spec_, "terminationGracePeriodSeconds").value_or(30);
      if (auto why = rewrite_probes(containers, options->skip_inbound_ports, grace, rewritten))
        return refused(review_, *why);
    }
    hold(*options);
    auto metrics = lead_scrapers(object_at(metadata(), "annotations"), declared_,
                                 options->merge_metrics, verdict_.warnings);
    const SidecarPlan plan{settings_,        *options,          service_of(*options),
                           ports_,           udp_ports_,        std::move(rewritten.probes),
                           rewritten.secret, std::move(metrics)};
    put_in(plan, rewritten.originals);
    if (const auto promise = check(plan); !promise.empty()) {
      auto refusal =
          refused(review_, Reason("the injector would have made a pod in which " + promise,
                                  "this is a mistake in epaulet: please report it"));
      refusal.is_our_mistake = true;
      return refusal;
    }
    verdict_.patch = patch_between(review_.pod, pod_);
    return std::move(verdict_);
  }

 private:
  /// A member that is added later would move the others.
  static json::object& spec_of(json::object& pod) {
    (void)object_at(pod, "metadata");
    return pod["spec"].get_object();
  }
  json::object& metadata() { return object_at(pod_, "metadata"); }

  /// Takes out what an earlier call has put in.
  std::optional<Reason> undo() {
    const auto* annotations = object_in(metadata(), "annotations");
    const bool was_here = annotations != nullptr && annotations->contains(written::kStatus);
    if (!was_here) {
      for (const std::string_view list : {"initContainers", "containers"}) {
        if (any_in(spec_, list, is_ours))
          return Reason(fmt::format("a container is named {} or {}, as the mesh's own are",
                                    kSidecarName, kInitName),
                        "rename it");
      }
      if (any_in(spec_, "volumes", is_our_volume))
        return Reason(
            fmt::format("a volume's name begins with {}, as the mesh's own do", kVolumePrefix),
            "rename it");
      return std::nullopt;
    }
    json::error_code error;
    const auto originals = json::parse(text_in(*annotations, written::kProbes), error);
    for (const std::string_view list : {"initContainers", "containers"}) {
      keep_secret(list);
      keep_resources(list);
      erase_from(spec_, list, is_ours);
      if (array_in(spec_, list) != nullptr) release(spec_.at(list).get_array());
      if (!error && originals.is_object() && array_in(spec_, list) != nullptr)
        restore_probes(spec_.at(list).get_array(), originals.get_object());
    }
    erase_from(spec_, "volumes", is_our_volume);
    restore_scrapers(object_at(metadata(), "annotations"));
    return std::nullopt;
  }

  /// Asked twice about one pod, we say the same.
  void keep_secret(std::string_view list) {
    const auto* containers = array_in(spec_, list);
    if (containers == nullptr) return;
    for (const auto& each : *containers) {
      const auto* container = each.if_object();
      if (container == nullptr || text_in(*container, "name") != kSidecarName) continue;
      const auto* env = array_in(*container, "env");
      if (env == nullptr) continue;
      for (const auto& one : *env) {
        const auto* variable = one.if_object();
        if (variable == nullptr || text_in(*variable, "name") != kProbeSecret) continue;
        const auto value = text_in(*variable, "value");
        if (is_path_secret(value)) probe_secret_ = value;
      }
    }
  }

  /// A namespace's LimitRange gives defaults to our containers, too, and refuses a pod that has
  /// lost them again. Nothing else of them is kept: the pod's author may have written them himself.
  void keep_resources(std::string_view list) {
    const auto* containers = array_in(spec_, list);
    if (containers == nullptr) return;
    for (const auto& each : *containers) {
      if (!is_ours(each)) continue;
      const auto* resources = object_in(each.get_object(), "resources");
      if (resources == nullptr) continue;
      auto& kept =
          text_in(each.get_object(), "name") == kInitName ? init_resources_ : sidecar_resources_;
      kept = *resources;
    }
  }

  /// Why such a pod cannot be in the mesh at all.
  std::optional<Reason> unfit() const {
    constexpr const char* kLeaveOut =
        "if it is to run outside the mesh, label it epaulet.io/inject: \"false\"";
    if (is_true_in(spec_, "hostNetwork"))
      return Reason("it shares the node's network, where nothing can be intercepted for it alone",
                    kLeaveOut);
    const auto* os = object_in(spec_, "os");
    if (os != nullptr && text_in(*os, "name") == "windows")
      return Reason("it is for Windows, where there is no sidecar", kLeaveOut);
    if (runs_as_proxy(spec_)) return uid_is_taken("the pod");
    for (const std::string_view list : {"initContainers", "containers"}) {
      const auto* containers = array_in(spec_, list);
      if (containers == nullptr) continue;
      for (const auto& each : *containers) {
        const auto* container = each.if_object();
        if (container != nullptr && runs_as_proxy(*container))
          return uid_is_taken(fmt::format("container {}", text_in(*container, "name")));
      }
    }
    return std::nullopt;
  }

  static Reason uid_is_taken(const std::string& who) {
    return Reason(
        fmt::format("{} runs as user {}, whose traffic is not intercepted", who, kProxyUid),
        "give it another runAsUser");
  }

  std::optional<Reason> collect_ports(const PodOptions& options) {
    for (const std::string_view list : {"initContainers", "containers"}) {
      const auto* containers = array_in(spec_, list);
      if (containers == nullptr) continue;
      for (const auto& each : *containers) {
        const auto* container = each.if_object();
        if (container == nullptr) continue;
        if (const auto* declared = array_in(*container, "ports")) take_declared(*declared);
      }
    }
    for (const auto* list :
         {&options.inbound_ports, &options.opaque_ports, &options.permissive_ports})
      ports_.insert(list->begin(), list->end());
    for (const auto port : options.skip_inbound_ports) ports_.erase(port);
    for (const auto port : kOwnPorts) {
      if (ports_.contains(port) || options.skip_inbound_ports.contains(port))
        return Reason(fmt::format("port {} of the app is one of the sidecar's own", port),
                      "let the app listen on another one");
    }
    if (ports_.empty() && options.skip_inbound_ports.empty()) {
      verdict_.warnings.emplace_back(
          "epaulet: no container declares a TCP port, so nobody can reach this pod; declare "
          "containerPort, or annotate epaulet.io/inbound-ports");
    }
    return std::nullopt;
  }

  void take_declared(const json::array& declared) {
    for (const auto& each : declared) {
      const auto* port = each.if_object();
      if (port == nullptr) continue;
      const auto number = number_in(*port, "containerPort").value_or(0);
      if (number < 1 || number > 65535) continue;
      const auto protocol = text_in(*port, "protocol");
      if (protocol == "UDP") {
        udp_ports_.insert(static_cast<std::uint16_t>(number));
      } else if (protocol.empty() || protocol == "TCP") {
        ports_.insert(static_cast<std::uint16_t>(number));
        declared_.insert(static_cast<std::uint16_t>(number));
      } else {
        verdict_.warnings.push_back(
            fmt::format("epaulet: port {} is {}, which the mesh does not carry", number, protocol));
      }
    }
  }

  void hold(const PodOptions& options) {
    // A sidecar among the containers is signalled with them: whoever is kept back ends without it.
    if (settings_.kind == SidecarKind::container) return;
    if (ports_.empty() || array_in(spec_, "containers") == nullptr) return;
    const auto grace = number_in(spec_, "terminationGracePeriodSeconds").value_or(30);
    constexpr std::int64_t kToEnd = 2;  // Of its grace, for the app itself.
    const auto wanted = options.hold_seconds.value_or(hold_seconds(grace));
    const auto seconds = static_cast<int>(std::min<std::int64_t>(wanted, grace - kToEnd));
    if (seconds > 0) hold_back(spec_.at("containers").get_array(), probe_secret_, seconds);
  }

  std::string service_of(const PodOptions& options) {
    if (!options.service.empty()) return options.service;
    std::string_view name;
    if (const auto* labels = object_in(metadata(), "labels")) {
      for (const std::string_view label :
           {"app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/component"}) {
        if (name.empty()) name = text_in(*labels, label);
      }
    }
    if (name.empty()) name = text_in(spec_, "serviceAccountName");
    std::string clean;
    for (const char c : name.substr(0, 63)) {
      const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
      clean += fits ? c : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : '-';
    }
    while (!clean.empty() && clean.back() == '-') clean.pop_back();
    clean.erase(0, clean.find_first_not_of('-'));
    return (clean.empty() ? "default" : clean) + "." + review_.name_space;
  }

  json::object init_of(const SidecarPlan& plan) const {
    auto made = init_container(plan);
    add_missing_resources(made, init_resources_);
    return made;
  }
  json::object sidecar_of(const SidecarPlan& plan) const {
    auto made = sidecar_container(plan);
    add_missing_resources(made, sidecar_resources_);
    return made;
  }

  void put_in(const SidecarPlan& plan, const json::object& originals) {
    note_in_metadata(plan, originals);
    json::array first;
    const bool is_native = settings_.kind == SidecarKind::native;
    // There is nobody yet whom traffic could be led to while ordinary init containers run: where
    // the sidecar is no native one, the rules come behind them, if they come from a container.
    const bool comes_first = is_native || settings_.redirect == RedirectBy::cni;
    if (comes_first) first.push_back(init_of(plan));
    if (is_native) first.push_back(sidecar_of(plan));
    auto& init = array_at(spec_, "initContainers");
    if (!is_native && comes_first && !init.empty()) {
      verdict_.warnings.emplace_back(
          "epaulet: the redirect rules are there before the sidecar is, so this pod's init "
          "containers have no network");
    }
    if (const auto policy = text_in(spec_, "restartPolicy");
        !is_native && (policy == "Never" || policy == "OnFailure")) {
      verdict_.warnings.emplace_back(
          "epaulet: this pod never completes, for its sidecar does not end with its containers; "
          "label it epaulet.io/inject: \"false\", or use native sidecars (Kubernetes 1.29)");
    }
    for (auto& each : init) first.push_back(std::move(each));
    if (!comes_first) first.push_back(init_of(plan));
    init = std::move(first);
    if (!is_native) {
      auto& containers = array_at(spec_, "containers");
      containers.insert(containers.begin(), json::value(sidecar_of(plan)));
    }
    add_pull_secrets();
    auto& volumes = array_at(spec_, "volumes");
    for (auto& volume : sidecar_volumes(plan)) volumes.push_back(std::move(volume));
  }

  void add_pull_secrets() {
    for (const auto& name : settings_.image_pull_secrets) {
      const auto is_it = [&](const json::value& each) {
        return each.is_object() && text_in(each.get_object(), "name") == name;
      };
      if (any_in(spec_, "imagePullSecrets", is_it)) continue;
      json::object secret;
      secret["name"] = name;
      array_at(spec_, "imagePullSecrets").push_back(std::move(secret));
    }
  }

  void note_in_metadata(const SidecarPlan& plan, const json::object& originals) {
    auto& annotations = object_at(metadata(), "annotations");
    json::object status;
    status["version"] = settings_.version;
    status["service"] = plan.service;
    annotations[written::kStatus] = json::serialize(status);
    annotations[written::kConfig] = sidecar_config(plan);
    annotations[written::kRoots] = settings_.roots;
    annotations.erase(written::kMeshConfig);
    if (!settings_.mesh_config.empty()) annotations[written::kMeshConfig] = settings_.mesh_config;
    annotations[written::kProbes] = json::serialize(originals);
    if (settings_.redirect == RedirectBy::cni) {
      annotations[written::kRedirect] = json::serialize(redirect_rules(plan));
    } else {
      annotations.erase(written::kRedirect);  // Where there is a plugin, it would act on it.
    }
    const auto* containers = array_in(spec_, "containers");
    if (!annotations.contains("kubectl.kubernetes.io/default-container") && containers != nullptr &&
        !containers->empty() && containers->front().is_object()) {
      annotations["kubectl.kubernetes.io/default-container"] =
          text_in(containers->front().get_object(), "name");
    }
    object_at(metadata(), "labels")[written::kMeshed] = "true";
  }

  /// What the sidecar will read, it must be able to read.
  std::string check(const SidecarPlan& plan) const {
    const auto loaded = load_with_mesh(
        text_in(*object_in(*object_in(pod_, "metadata"), "annotations"), written::kConfig),
        settings_.mesh_config);
    if (!loaded.ok()) return "the sidecar's configuration is wrong: " + loaded.format();
    if (loaded.settings->workload.service != plan.service) return "the service's name is lost";
    return broken_promise(pod_, settings_);
  }

  const Review& review_;
  const InjectorSettings& settings_;
  json::object pod_;
  json::object& spec_;
  std::string probe_secret_;
  json::object init_resources_;  ///< As they were when we were asked again.
  json::object sidecar_resources_;
  Verdict verdict_;
  Ports ports_;     ///< TCP, that the sidecar serves.
  Ports declared_;  ///< TCP, of containers.
  Ports udp_ports_;
};

}  // namespace

Verdict inject(const Review& review, const InjectorSettings& settings) {
  const auto& own = settings.own_namespaces;
  if (std::find(own.begin(), own.end(), review.name_space) != own.end()) return {};
  const auto* metadata = object_in(review.pod, "metadata");
  const auto asked = asks_for_injection(metadata == nullptr ? json::object() : *metadata);
  if (!asked) return refused(review, asked.error());
  if (*asked == false) return {};
  return Injection(review, settings).run();
}

std::string wrong_in_mesh_config(const InjectorSettings& settings) {
  if (settings.mesh_config.size() > kMeshConfigBytesMax)
    return fmt::format("it is larger than {} bytes", kMeshConfigBytesMax);
  const PodOptions options;
  SidecarPlan plan{settings, options, "any.any", {}, {}, {}, "", {}};
  const auto loaded = load_with_mesh(sidecar_config(plan), settings.mesh_config);
  if (loaded.ok()) return "";
  const auto whole = loaded.format();  // Of the first its line; behind that an excerpt.
  return whole.substr(0, whole.find('\n'));
}

std::string broken_promise(const json::object& pod, const InjectorSettings& settings) {
  const auto& spec = pod.at("spec").get_object();
  const auto* init = array_in(spec, "initContainers");
  const auto* containers = array_in(spec, "containers");
  const auto name_at = [](const json::array* list, std::size_t i) {
    if (list == nullptr || i >= list->size() || !(*list)[i].is_object()) return std::string_view();
    return text_in((*list)[i].get_object(), "name");
  };
  const bool is_native = settings.kind == SidecarKind::native;
  const bool by_cni = settings.redirect == RedirectBy::cni;
  const std::size_t place = is_native ? 1 : 0;
  const auto* list = is_native ? init : containers;
  if (name_at(list, place) != kSidecarName) return "the sidecar is not where it belongs";
  if ((by_cni || is_native) && name_at(init, 0) != kInitName)
    return "the redirect does not come first";
  std::size_t ours = 0;
  for (const auto* each : {init, containers}) {
    if (each != nullptr)
      ours += static_cast<std::size_t>(std::count_if(each->begin(), each->end(), is_ours));
  }
  if (ours != 2) return "there are not as many sidecars as should be";
  const auto* notes = object_in(pod.at("metadata").get_object(), "annotations");
  if (by_cni != (notes != nullptr && notes->contains(written::kRedirect)))
    return "the rules are for somebody else to install";
  if (by_cni && adds_capabilities((*init)[0].get_object()))
    return "epaulet-init has rights that it does not need";
  const auto& sidecar = (*list)[place].get_object();
  const auto& security = sidecar.at("securityContext").get_object();
  if (number_in(security, "runAsUser") != kProxyUid || adds_capabilities(sidecar))
    return "the sidecar has rights that it does not need";
  return "";
}

}  // namespace epaulet::injector

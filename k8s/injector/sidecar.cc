#include "k8s/injector/sidecar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "k8s/injector/hold.h"

namespace epaulet::injector {
namespace {

constexpr const char* kProgram = "/usr/local/bin/epaulet";
constexpr const char* kPodFolder = "/etc/epaulet/pod";
constexpr const char* kMeshFile = "mesh.yaml";
constexpr const char* kNamespaceFolder = "/etc/epaulet/namespace";
constexpr const char* kConfigFolder = "/etc/epaulet/config";
constexpr const char* kRunFolder = "/var/run/epaulet";
constexpr const char* kNamespaceConfigMap = "epaulet";
constexpr int kTokenSeconds = 3600;
constexpr std::int64_t kMetricsPort = 15020;
constexpr std::int64_t kHealthPort = 15021;

json::object mount(const std::string& name, const std::string& path, bool read_only) {
  json::object made;
  made["name"] = name;
  made["mountPath"] = path;
  if (read_only) made["readOnly"] = true;
  return made;
}

json::object health_probe(const char* path, int period_seconds, int failures) {
  json::object get;
  get["path"] = path;
  get["port"] = kHealthPort;
  get["scheme"] = "HTTP";
  json::object probe;
  probe["httpGet"] = std::move(get);
  probe["periodSeconds"] = period_seconds;
  probe["failureThreshold"] = failures;
  probe["timeoutSeconds"] = 3;
  return probe;
}

json::object resources_of(const SidecarResources& resources) {
  const auto both = [](const std::string& cpu, const std::string& memory) {
    json::object made;
    if (!cpu.empty()) made["cpu"] = cpu;
    if (!memory.empty()) made["memory"] = memory;
    return made;
  };
  json::object made;
  if (auto requests = both(resources.cpu_request, resources.memory_request); !requests.empty())
    made["requests"] = std::move(requests);
  if (auto limits = both(resources.cpu_limit, resources.memory_limit); !limits.empty())
    made["limits"] = std::move(limits);
  return made;
}

/// The least that both containers share.
json::object confined() {
  json::object drop;
  drop["drop"] = json::array{"ALL"};
  json::object seccomp;
  seccomp["type"] = "RuntimeDefault";
  json::object made;
  made["allowPrivilegeEscalation"] = false;
  made["privileged"] = false;
  made["readOnlyRootFilesystem"] = true;
  made["capabilities"] = std::move(drop);
  made["seccompProfile"] = std::move(seccomp);
  return made;
}

json::object base_container(const SidecarPlan& plan, const char* name) {
  json::object made;
  made["name"] = name;
  made["image"] = plan.settings.image;
  made["imagePullPolicy"] = plan.settings.pull_policy;
  made["command"] = json::array{kProgram};
  return made;
}

/// Kubelets start a pod's containers one after the other, and the next one when this has ended.
/// Were it to fail, the kubelet would end the sidecar, and start the app nevertheless.
json::object wait_hook() {
  json::object command;
  command["command"] = json::array{kProgram, "wait", "--seconds=60", "--then-go-on"};
  json::object hook;
  hook["exec"] = std::move(command);
  json::object made;
  made["postStart"] = std::move(hook);
  return made;
}

void add_list(json::array& arguments, const char* option, const Ports& ports) {
  if (ports.empty()) return;
  arguments.push_back(json::value(fmt::format("{}={}", option, fmt::join(ports, ","))));
}

/// A volume for each, so that one ConfigMap's files keep their names beside the others'.
std::string volume_of(std::size_t config_map) {
  return fmt::format("{}config-{}", kVolumePrefix, config_map);
}

json::object annotation_file(std::string_view annotation, const char* path) {
  json::object field;
  field["apiVersion"] = "v1";
  field["fieldPath"] = fmt::format("metadata.annotations['{}']", annotation);
  json::object made;
  made["path"] = path;
  made["fieldRef"] = std::move(field);
  return made;
}

json::object pod_volume(const SidecarPlan& plan) {
  json::object downward;
  downward["items"] = json::array{annotation_file(written::kConfig, "epaulet.yaml"),
                                  annotation_file(written::kRoots, "ca.pem")};
  if (!plan.settings.mesh_config.empty()) {
    downward.at("items").get_array().push_back(annotation_file(written::kMeshConfig, kMeshFile));
  }
  json::object token;
  token["audience"] = plan.settings.token_audience;
  token["expirationSeconds"] = kTokenSeconds;
  token["path"] = "token";
  json::object from_pod;
  from_pod["downwardAPI"] = std::move(downward);
  json::object from_account;
  from_account["serviceAccountToken"] = std::move(token);
  json::object projected;
  projected["defaultMode"] = 0444;
  projected["sources"] = json::array{std::move(from_pod), std::move(from_account)};
  json::object made;
  made["name"] = std::string(kVolumePrefix) + "pod";
  made["projected"] = std::move(projected);
  return made;
}

json::object config_map_volume(const std::string& volume, const std::string& name, bool optional) {
  json::object config_map;
  config_map["name"] = name;
  config_map["defaultMode"] = 0444;
  if (optional) config_map["optional"] = true;
  json::object made;
  made["name"] = volume;
  made["configMap"] = std::move(config_map);
  return made;
}

}  // namespace

json::array redirect_rules(const SidecarPlan& plan) {
  const auto& options = plan.options;
  json::array rules;
  add_list(rules, "--exclude-inbound-port", options.skip_inbound_ports);
  add_list(rules, "--exclude-outbound-port", options.skip_outbound_ports);
  if (!options.skip_outbound_networks.empty()) {
    rules.push_back(json::value(fmt::format("--exclude-outbound-network={}",
                                            fmt::join(options.skip_outbound_networks, ","))));
  }
  add_list(rules, "--allow-udp", plan.udp_ports);
  return rules;
}

json::object init_container(const SidecarPlan& plan) {
  const bool installs = plan.settings.redirect == RedirectBy::init_container;
  auto made = base_container(plan, kInitName);
  json::array arguments{"redirect", installs ? "install" : "confirm"};
  for (auto& rule : redirect_rules(plan)) arguments.push_back(std::move(rule));
  made["args"] = std::move(arguments);
  auto security = confined();
  security["runAsUser"] = installs ? 0 : kConfirmUid;
  security["runAsGroup"] = installs ? 0 : kConfirmUid;
  security["runAsNonRoot"] = !installs;
  made["securityContext"] = std::move(security);
  if (installs) {
    // Rules and routes; raw sockets and other users to try each rule as an app would.
    made["securityContext"].at("capabilities").get_object()["add"] =
        json::array{"NET_ADMIN", "NET_RAW", "SETGID", "SETUID"};
    json::object lock;  // Where the root file system cannot be written, for iptables-legacy.
    lock["name"] = "XTABLES_LOCKFILE";
    lock["value"] = std::string(kRunFolder) + "/xtables.lock";
    made["env"] = json::array{std::move(lock)};
  }
  made["resources"] = resources_of(plan.options.resources);
  made["volumeMounts"] = json::array{mount(std::string(kVolumePrefix) + "run", kRunFolder, false)};
  return made;
}

json::object sidecar_container(const SidecarPlan& plan) {
  auto made = base_container(plan, kSidecarName);
  json::array arguments{"run", "--config", std::string(kPodFolder) + "/epaulet.yaml", "--config",
                        kNamespaceFolder};
  if (!plan.settings.mesh_config.empty()) {
    arguments.push_back("--config");
    arguments.push_back(json::value(fmt::format("{}/{}", kPodFolder, kMeshFile)));
  }
  json::array mounts{mount(std::string(kVolumePrefix) + "pod", kPodFolder, true),
                     mount(std::string(kVolumePrefix) + "namespace", kNamespaceFolder, true)};
  for (std::size_t i = 0; i < plan.options.config_maps.size(); ++i) {
    const auto folder = fmt::format("{}/{}", kConfigFolder, plan.options.config_maps[i]);
    arguments.push_back("--config");
    arguments.push_back(json::value(folder));
    mounts.push_back(mount(volume_of(i), folder, true));
  }
  mounts.push_back(mount(std::string(kVolumePrefix) + "run", kRunFolder, false));
  made["args"] = std::move(arguments);
  if (plan.settings.kind == SidecarKind::native) made["restartPolicy"] = "Always";
  json::object metrics;
  metrics["name"] = "epaulet-metrics";
  metrics["containerPort"] = kMetricsPort;
  metrics["protocol"] = "TCP";
  made["ports"] = json::array{std::move(metrics)};
  auto security = confined();
  security["runAsUser"] = kProxyUid;
  security["runAsGroup"] = kProxyUid;
  security["runAsNonRoot"] = true;
  made["securityContext"] = std::move(security);
  json::object secret;
  secret["name"] = kProbeSecret;
  secret["value"] = plan.probe_secret;
  made["env"] = json::array{std::move(secret)};
  made["resources"] = resources_of(plan.options.resources);
  // What comes behind a native sidecar starts when this has succeeded.
  if (plan.settings.kind == SidecarKind::native) {
    made["startupProbe"] = health_probe("/ready", 1, 600);
    // Called when the pod's end begins, long before our SIGTERM, which comes when the app is gone.
    made["lifecycle"] = end_hook(plan.probe_secret);
  } else {
    made["lifecycle"] = wait_hook();
  }
  made["readinessProbe"] = health_probe("/ready", 5, 3);
  made["livenessProbe"] = health_probe("/live", 10, 3);
  made["volumeMounts"] = std::move(mounts);
  return made;
}

void add_missing_resources(json::object& container, const json::object& earlier) {
  constexpr std::size_t kNamesMax = 16;
  constexpr std::size_t kNameBytesMax = 317;  // A prefix of 253, a slash, a name of 63.
  constexpr std::size_t kQuantityBytesMax = 64;
  for (const std::string_view list : {"requests", "limits"}) {
    const auto* quantities = object_in(earlier, list);
    if (quantities == nullptr) continue;
    for (const auto& [name, value] : *quantities) {
      const auto* quantity = value.if_string();
      if (quantity == nullptr || quantity->empty() || quantity->size() > kQuantityBytesMax ||
          name.size() > kNameBytesMax)
        continue;
      auto& ours = object_at(object_at(container, "resources"), list);
      if (ours.size() < kNamesMax) ours.emplace(name, value);  // Not where it has one.
    }
  }
}

json::array sidecar_volumes(const SidecarPlan& plan) {
  json::object memory;
  memory["medium"] = "Memory";
  memory["sizeLimit"] = "8Mi";
  json::object run;
  run["name"] = std::string(kVolumePrefix) + "run";
  run["emptyDir"] = std::move(memory);
  json::array made;
  made.push_back(pod_volume(plan));
  made.push_back(
      config_map_volume(std::string(kVolumePrefix) + "namespace", kNamespaceConfigMap, true));
  for (std::size_t i = 0; i < plan.options.config_maps.size(); ++i)
    made.push_back(config_map_volume(volume_of(i), plan.options.config_maps[i], false));
  made.push_back(std::move(run));
  return made;
}

}  // namespace epaulet::injector

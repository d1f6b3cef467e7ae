#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "k8s/injector/sidecar.h"

namespace epaulet::injector {
namespace {

/// What JSON takes for a text, YAML does, too.
std::string text(std::string_view value) {
  return json::serialize(json::string(value.data(), value.size()));
}

std::string ports_of(const SidecarPlan& plan) {
  std::string out;
  for (const auto port : plan.ports) {
    const bool permissive =
        plan.options.all_ports_permissive || plan.options.permissive_ports.contains(port);
    out += fmt::format("    {}: {{ tls: {}{} }}\n", port, permissive ? "permissive" : "strict",
                       plan.options.opaque_ports.contains(port) ? ", protocol: tcp" : "");
  }
  return out;
}

std::string probe_of(const AppProbe& probe) {
  std::string out = "    - { ";
  if (!probe.path.empty()) out += fmt::format("path: {}, ", text(probe.path));
  out += fmt::format("port: {}", probe.port);
  if (probe.grpc) {
    out += probe.grpc->empty() ? ", grpc: {}"
                               : fmt::format(", grpc: {{ service: {} }}", text(*probe.grpc));
  }
  if (probe.tls) out += ", tls: true";
  if (!probe.headers.empty()) {
    out += ", headers: [";
    for (const auto& [name, value] : probe.headers) {
      out += fmt::format("{}{{ name: {}", out.ends_with('[') ? "" : ", ", text(name));
      if (!value.empty()) out += fmt::format(", value: {}", text(value));
      out += " }";
    }
    out += "]";
  }
  return out + fmt::format(", timeout: {}s }}\n", probe.seconds);
}

std::string probes_of(const SidecarPlan& plan) {
  std::string out;
  for (const auto& probe : plan.probes) out += probe_of(probe);
  return out;
}

std::string metrics_of(const AppMetricsPlace& metrics) {
  return fmt::format("{{ port: {}, path: {}{} }}", metrics.port, text(metrics.path),
                     metrics.tls ? ", tls: true" : "");
}

/// Threads for a request of more than one core; 0: the sidecar looks at its limit.
unsigned workers_of(const SidecarResources& resources) {
  constexpr double kWorkersMax = 64;
  if (!resources.cpu_limit.empty()) return 0;
  const auto& request = resources.cpu_request;
  if (request.find_first_not_of("0123456789.") != request.npos) {
    if (request.find_first_not_of("0123456789.m") != request.npos) return 0;
  }
  const double number = std::strtod(request.c_str(), nullptr);
  const double cores = request.ends_with('m') ? number / 1000 : number;
  return cores > 1 ? static_cast<unsigned>(std::min(std::ceil(cores), kWorkersMax)) : 0;
}

}  // namespace

std::string sidecar_config(const SidecarPlan& plan) {
  const auto& settings = plan.settings;
  std::string out = "# Written by epaulet-injector for this pod; the rest is in ConfigMaps.\n";
  out += fmt::format("workload:\n  service: {}\n", plan.service);
  if (!plan.ports.empty()) out += "  ports:\n" + ports_of(plan);
  if (!plan.probes.empty()) out += "  probes:\n" + probes_of(plan);
  if (plan.metrics) out += "  metrics: " + metrics_of(*plan.metrics) + "\n";
  out += fmt::format(
      "identity:\n  trust_domain: {}\n  service: {}\n  ca: ca.pem\n  token_file: token\n",
      text(settings.trust_domain), text(settings.identity_service));
  if (!settings.directory.empty())
    out += fmt::format("directory: {{ url: {}, identities: [{}] }}\n", text(settings.directory),
                       text(settings.directory_identity));
  out += "state: { dir: /var/run/epaulet/state }\n";
  const auto& level = plan.options.log_level.empty() ? settings.log_level : plan.options.log_level;
  if (!level.empty()) out += fmt::format("log: {{ level: {} }}\n", level);
  if (settings.cluster_domain != "cluster.local")
    out += fmt::format("dns: {{ cluster_domain: {} }}\n", text(settings.cluster_domain));
  if (const auto workers = workers_of(plan.options.resources); workers > 0)
    out += fmt::format("workers: {}\n", workers);
  return out;
}

}  // namespace epaulet::injector

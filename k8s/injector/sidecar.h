#pragma once

#include <string>

#include "k8s/injector/annotations.h"
#include "k8s/injector/app_metrics.h"
#include "k8s/injector/probes.h"

namespace epaulet::injector {

/// What a sidecar's own part of the configuration and its containers are made from.
struct SidecarPlan {
  const InjectorSettings& settings;
  const PodOptions& options;
  std::string service;  ///< NAME.NAMESPACE.
  Ports ports;          ///< TCP ports of the app that the sidecar serves.
  Ports udp_ports;      ///< Of the app.
  std::vector<AppProbe> probes;
  std::string probe_secret;
  std::optional<AppMetricsPlace> metrics;  ///< Of the app, to be served beside ours.
};

/// `workload`, `identity` and `state`, which only the pod tells, as YAML; everything else stands in
/// ConfigMaps.
[[nodiscard]] std::string sidecar_config(const SidecarPlan& plan);

/// What `epaulet redirect install` is told: options, `--name=value` each.
[[nodiscard]] json::array redirect_rules(const SidecarPlan& plan);

/// Installs the redirect rules: root with the few capabilities that it takes, and gone before the
/// app starts. Where a CNI plugin has installed them it sees that, as nobody and without a right.
[[nodiscard]] json::object init_container(const SidecarPlan& plan);

/// The sidecar: nobody's user, no capability, no file that it could write but its own folder.
[[nodiscard]] json::object sidecar_container(const SidecarPlan& plan);

/// Requests and limits that `earlier` (`resources` of a container) has and ours has not: names that
/// ours leaves open, 16 of each at most, quantities as texts.
void add_missing_resources(json::object& container, const json::object& earlier);

/// What they mount. All names begin with `epaulet-`.
[[nodiscard]] json::array sidecar_volumes(const SidecarPlan& plan);

}  // namespace epaulet::injector

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace epaulet::injector {

/// Who is what in a pod that has a sidecar. The sidecar's user is exempt from the redirect, so no
/// container of an app may have it.
inline constexpr int kProxyUid = 1337;
/// Who looks whether a CNI plugin has installed the rules: a user whom they redirect.
inline constexpr int kConfirmUid = 65534;
inline constexpr std::uint16_t kOwnPorts[] = {15000, 15001, 15006, 15008, 15020, 15021, 15053};
inline constexpr const char* kSidecarName = "epaulet";
inline constexpr const char* kInitName = "epaulet-init";
inline constexpr const char* kVolumePrefix = "epaulet-";
/// Of the sidecar's environment: without it nobody finds the app's probes and hooks.
inline constexpr const char* kProbeSecret = "EPAULET_PROBE_SECRET";

/// Which containers the cluster runs how. `native`: an init container with `restartPolicy: Always`
/// (Kubernetes 1.29 and later). `container`: an ordinary container, the first.
enum class SidecarKind : unsigned char { native, container };

/// Who installs the redirect rules. `init_container`: epaulet-init in each pod, with NET_ADMIN.
/// `cni`: epaulet-cni on each node; epaulet-init has no right, and stops a pod that got none.
enum class RedirectBy : unsigned char { init_container, cni };

/// What sidecars are given unless their pod says otherwise.
struct SidecarResources {
  std::string cpu_request = "50m";
  std::string cpu_limit;
  std::string memory_request = "32Mi";
  std::string memory_limit = "256Mi";
};

/// What the operator of the mesh has decided: `epaulet-injector serve`.
struct InjectorSettings {
  std::string image = "epaulet:latest";
  std::string pull_policy = "IfNotPresent";
  std::string trust_domain = "cluster.local";
  std::string cluster_domain = "cluster.local";
  std::string identity_service = "https://epaulet-identity.epaulet-system.svc.cluster.local:15014";
  std::string token_audience = "epaulet-identity";
  std::string directory;           ///< Its URL; "": sidecars are told of none.
  std::string directory_identity;  ///< Who it proves to be.
  std::string roots;               ///< PEM, what the identity service must lead to.
  /// YAML, a part of every sidecar's configuration beside its own and its ConfigMaps; "": none.
  std::string mesh_config;
  std::string log_level;  ///< "": the sidecar's own default.
  std::string version;    ///< Stands in each pod's annotation.
  SidecarKind kind = SidecarKind::native;
  RedirectBy redirect = RedirectBy::init_container;
  SidecarResources resources;
  /// With which sidecars' images are pulled, besides the pod's own; of the pod's namespace.
  std::vector<std::string> image_pull_secrets;
  /// Never touched, whatever their labels are.
  std::vector<std::string> own_namespaces = {"kube-system", "kube-public", "kube-node-lease"};
};

}  // namespace epaulet::injector

#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/reason.h"
#include "k8s/injector/json_access.h"
#include "k8s/injector/settings.h"

namespace epaulet::injector {

/// Of annotations and labels.
inline constexpr std::string_view kPrefix = "epaulet.io/";

/// What we write into pods ourselves.
namespace written {
inline constexpr std::string_view kStatus = "epaulet.io/status";
inline constexpr std::string_view kConfig = "epaulet.io/sidecar-config";
inline constexpr std::string_view kMeshConfig = "epaulet.io/mesh-config";
inline constexpr std::string_view kRoots = "epaulet.io/trust-roots";
inline constexpr std::string_view kProbes = "epaulet.io/app-probes";
/// The rules that epaulet-cni installs: a list of options of `epaulet redirect install`, as JSON.
inline constexpr std::string_view kRedirect = "epaulet.io/redirect";
inline constexpr std::string_view kAppMetrics = "epaulet.io/app-metrics";
inline constexpr std::string_view kMeshed = "epaulet.io/meshed";  ///< A label.
}  // namespace written

using Ports = std::set<std::uint16_t>;

/// What a pod's annotations ask for.
struct PodOptions {
  std::string service;                   ///< NAME.NAMESPACE; "": from labels.
  std::vector<std::string> config_maps;  ///< In the pod's namespace, `epaulet` besides.
  Ports inbound_ports;                   ///< Served, though no container declares them.
  Ports opaque_ports;
  Ports permissive_ports;
  bool all_ports_permissive = false;
  Ports skip_inbound_ports;
  Ports skip_outbound_ports;
  std::vector<std::string> skip_outbound_networks;
  bool merge_metrics = true;        ///< The app's are served beside the sidecar's.
  std::optional<int> hold_seconds;  ///< SIGTERM is kept from the app.
  std::string log_level;
  SidecarResources resources;
};

/// "250m", "1", "1.5", "64Mi": what is written for resources, without exponents and signs.
[[nodiscard]] bool is_quantity(std::string_view text);

/// Whether the pod itself says `epaulet.io/inject`, as a label or an annotation. A reason: neither
/// yes nor no.
[[nodiscard]] Checked<std::optional<bool>> asks_for_injection(const json::object& metadata);

/// A reason names the annotation, what stands there, and what may. Unknown annotations of ours are
/// refused: a skipped port that is misspelt would be an open or a dead one.
[[nodiscard]] Checked<PodOptions> read_annotations(const json::object& metadata,
                                                   const SidecarResources& defaults);

}  // namespace epaulet::injector

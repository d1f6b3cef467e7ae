#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/reason.h"
#include "k8s/injector/annotations.h"

namespace epaulet::injector {

/// What the sidecar asks the app when the kubelet asks it: `workload.probes[n]`.
struct AppProbe {
  std::string path;  ///< "", and no gRPC: asks for nothing but a connection.
  std::uint16_t port = 0;
  std::optional<std::string> grpc;  ///< The service that is asked for; "": all.
  bool tls = false;
  std::vector<std::pair<std::string, std::string>> headers;
  int seconds = 1;  ///< How long the app may take.
  bool operator==(const AppProbe&) const = default;
};
/// As long as a sidecar takes (`workload.probes[n].timeout`).
inline constexpr int kProbeSecondsMax = 600;

struct RewrittenProbes {
  std::string secret;  ///< Under which they are found.
  std::vector<AppProbe> probes;
  json::object originals;  ///< By container and place, to be put back when we are asked again.
};

/// Leads HTTP, HTTPS, gRPC and TCP probes (and lifecycle hooks by HTTP) of `containers` to the
/// sidecar's health port, so that the kubelet, who has no mesh identity, is not let in anywhere.
/// Those of `skipped` ports stay as they are; so do exec probes. A hook has no time of its own: it
/// may take as long as the pod's end, `grace_seconds`. A reason: a probe that the sidecar cannot
/// ask, which would never succeed.
[[nodiscard]] std::optional<Reason> rewrite_probes(json::array& containers, const Ports& skipped,
                                                   std::int64_t grace_seconds,
                                                   RewrittenProbes& rewritten);

/// Undoes it.
void restore_probes(json::array& containers, const json::object& originals);

}  // namespace epaulet::injector

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/reason.h"
#include "k8s/injector/annotations.h"

namespace epaulet::injector {

/// What the sidecar asks the app when the kubelet asks it: `workload.probes[n]`.
struct AppProbe {
  std::string path;  ///< "" asks for nothing but a connection.
  std::uint16_t port = 0;
};

struct RewrittenProbes {
  std::vector<AppProbe> probes;
  json::object originals;  ///< By container and place, to be put back when we are asked again.
};

/// Leads HTTP and TCP probes (and lifecycle hooks that are HTTP) of `containers` to the sidecar's
/// health port, so that the kubelet, who has no mesh identity, is not let in anywhere. Those of
/// `skipped` ports stay as they are; so do exec probes. A reason: a probe that the sidecar cannot
/// ask, which would never succeed.
[[nodiscard]] std::optional<Reason> rewrite_probes(json::array& containers, const Ports& skipped,
                                                   RewrittenProbes& rewritten);

/// Undoes it.
void restore_probes(json::array& containers, const json::object& originals);

}  // namespace epaulet::injector

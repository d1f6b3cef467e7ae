#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/surface.h"

/// The three surfaces of the process: what is on which port.
namespace epaulet::admin {

struct Readiness {
  bool ready = false;
  /// What is waited for, a sentence each. Shown to anybody: no principals.
  std::vector<std::string> reasons;
};

/// Where the pages come from. All of them are set, run on the control thread and do not wait. Texts
/// are JSON.
struct AdminSources {
  std::function<std::string()> config;
  std::function<std::string()> services;
  std::function<std::string()> endpoints;
  std::function<std::string()> certs;
  std::function<std::string()> issuers;
  std::function<std::string()> explain;
  /// Nothing: nothing is kept under this id.
  std::function<std::optional<std::string>(std::string_view id)> explain_one;
  std::function<Readiness()> readiness;
};

/// 15000, loopback: /config /services /endpoints /certs /issuers /explain /explain?id=ID /ready
/// /live.
[[nodiscard]] Surface admin_surface(AdminSources sources);

/// 15020: /metrics and /stats/prometheus. `content_type`: a literal.
[[nodiscard]] Surface metrics_surface(std::function<std::string()> text,
                                      std::string_view content_type);

/// 15021: /ready and /healthz/ready (200 or 503), /live. App probes are the server's (AppProbes).
[[nodiscard]] Surface health_surface(std::function<Readiness()> readiness);

}  // namespace epaulet::admin

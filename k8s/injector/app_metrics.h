#pragma once

#include <optional>
#include <string>
#include <vector>

#include "k8s/injector/annotations.h"

namespace epaulet::injector {

/// Where the app's own metrics are: the sidecar serves them beside its own.
struct AppMetricsPlace {
  std::uint16_t port = 0;
  std::string path;
  bool tls = false;
};

/// Leads scrapers to the sidecar's metrics port by `prometheus.io/*`, whatever the app says there
/// itself: that is returned, and kept in an annotation of ours. What cannot be merged stays as it
/// is, with a warning. `app_ports`: TCP ports that containers declare, which are scraped where no
/// annotation names one.
[[nodiscard]] std::optional<AppMetricsPlace> lead_scrapers(json::object& annotations,
                                                           const Ports& app_ports, bool merges,
                                                           std::vector<std::string>& warnings);

/// Puts back what the app said.
void restore_scrapers(json::object& annotations);

}  // namespace epaulet::injector

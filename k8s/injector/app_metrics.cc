#include "k8s/injector/app_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/text_checks.h"

namespace epaulet::injector {
namespace {

constexpr std::string_view kScrape = "prometheus.io/scrape";
constexpr std::string_view kPort = "prometheus.io/port";
constexpr std::string_view kPath = "prometheus.io/path";
constexpr std::string_view kScheme = "prometheus.io/scheme";
constexpr std::string_view kLed[] = {kPort, kPath, kScheme};
constexpr std::string_view kOurPort = "15020";

/// 0: neither a port nor the only one that there is.
std::uint16_t port_of(const json::object& annotations, const Ports& app_ports) {
  if (!annotations.contains(kPort)) return app_ports.size() == 1 ? *app_ports.begin() : 0;
  const auto text = text_in(annotations, kPort);
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? port : 0;
}

std::string why_not(const json::object& annotations, const AppMetricsPlace& place, bool merges) {
  if (!merges) return "epaulet.io/merge-metrics is false";
  if (place.port == 0) {
    return annotations.contains(kPort)
               ? "that is no port"
               : "prometheus.io/port is absent, and the app does not declare exactly one TCP port";
  }
  if (std::find(std::begin(kOwnPorts), std::end(kOwnPorts), place.port) != std::end(kOwnPorts))
    return "that is one of the sidecar's own ports";
  if (config::check_request_path(place.path)) return "prometheus.io/path is no request path";
  return "";
}

}  // namespace

std::optional<AppMetricsPlace> lead_scrapers(json::object& annotations, const Ports& app_ports,
                                             bool merges, std::vector<std::string>& warnings) {
  std::optional<AppMetricsPlace> place;
  if (annotations.contains(kScrape)) {
    // The app wants no scraper, or we have written this.
    if (text_in(annotations, kScrape) != "true" || text_in(annotations, kPort) == kOurPort)
      return std::nullopt;
    place.emplace();
    place->port = port_of(annotations, app_ports);
    place->path = annotations.contains(kPath) ? text_in(annotations, kPath) : "/metrics";
    if (!place->path.starts_with('/')) place->path.insert(place->path.begin(), '/');
    place->tls = text_in(annotations, kScheme) == "https";
    if (const auto why = why_not(annotations, *place, merges); !why.empty()) {
      warnings.push_back(fmt::format(
          "epaulet: the app's metrics (prometheus.io/*) are not merged into the sidecar's: {}; a "
          "scraper without a mesh identity is refused at the app's port unless access rules let it "
          "in; the sidecar's own metrics are on 15020",
          why));
      return std::nullopt;
    }
    json::object originals;
    for (const auto name : kLed) {
      if (annotations.contains(name)) originals[name] = text_in(annotations, name);
    }
    annotations[written::kAppMetrics] = json::serialize(originals);
    if (annotations.contains(kScheme)) annotations[kScheme] = "http";
  }
  annotations[kScrape] = "true";
  annotations[kPort] = kOurPort;
  annotations[kPath] = "/metrics";
  return place;
}

void restore_scrapers(json::object& annotations) {
  if (!annotations.contains(written::kAppMetrics)) return;
  json::error_code error;
  const auto originals = json::parse(text_in(annotations, written::kAppMetrics), error);
  annotations.erase(written::kAppMetrics);
  if (error || !originals.is_object() || text_in(annotations, kPort) != kOurPort) return;
  for (const auto name : kLed) {
    const auto text = text_in(originals.get_object(), name);
    if (text.empty()) {
      annotations.erase(name);
    } else {
      annotations[name] = text;
    }
  }
}

}  // namespace epaulet::injector

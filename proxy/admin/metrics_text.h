#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What an app says of itself, made fit to stand behind what we say of ourselves.
namespace epaulet::admin {

/// Prometheus' text format 0.0.4, or OpenMetrics 1.0.
enum class MetricsFormat : std::uint8_t { text, open_metrics };

/// By the Content-Type of a page; nothing: it is neither.
[[nodiscard]] std::optional<MetricsFormat> metrics_format(std::string_view content_type);

struct CleanMetrics {
  std::string text;  ///< Of the format 0.0.4, whole lines.
  std::size_t samples = 0;
  std::size_t left_out = 0;  ///< Lines about names that begin with `epaulet_`, which are ours.
};

/// Nothing: a line is none of the format; a scraper would refuse the whole page for it, ours
/// included. Comments and empty lines are left out. Of OpenMetrics, `# EOF`, units and exemplars
/// are too, timestamps become milliseconds, and types get the names that the older format has for
/// them.
[[nodiscard]] std::optional<CleanMetrics> clean_metrics(std::string_view page,
                                                        MetricsFormat format);

}  // namespace epaulet::admin

#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Included only by .cc files: prometheus-cpp stays out of headers that others see.
namespace epaulet::telemetry {

using MetricLabels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Builds families of metrics: samples of one family and one set of labels add up.
class MetricFamilies {
 public:
  void counter(std::string_view family, std::string_view help, MetricLabels labels, double value);
  void gauge(std::string_view family, std::string_view help, MetricLabels labels, double value);
  /// `buckets`: counts by upper bound, not cumulative; the last one, above all bounds, has none.
  void histogram(std::string_view family, std::string_view help, MetricLabels labels,
                 const std::vector<double>& bounds, const std::vector<std::uint64_t>& buckets,
                 double sum);

  /// In the order in which they were begun.
  [[nodiscard]] std::vector<prometheus::MetricFamily> take();

 private:
  struct Family {
    prometheus::MetricFamily family;
    std::map<std::vector<std::string>, std::size_t> position;  ///< By label values.
  };
  prometheus::ClientMetric& metric(std::string_view family, std::string_view help,
                                   prometheus::MetricType type, MetricLabels labels);

  std::vector<Family> families_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace epaulet::telemetry

#include "telemetry/metric_families.h"

#include "base/assert.h"
#include "telemetry/utf8.h"

namespace epaulet::telemetry {

prometheus::ClientMetric& MetricFamilies::metric(std::string_view family, std::string_view help,
                                                 prometheus::MetricType type, MetricLabels labels) {
  const auto [found, is_new] = by_name_.try_emplace(std::string(family), families_.size());
  if (is_new) {
    auto& made = families_.emplace_back().family;
    made.name = family;
    made.help = help;
    made.type = type;
  }
  Family& in = families_[found->second];
  EPAULET_ASSERT(in.family.type == type);
  std::vector<std::string> values;
  for (const auto& [name, value] : labels) values.push_back(valid_utf8(value));
  const auto [place, is_new_metric] = in.position.try_emplace(values, in.family.metric.size());
  if (is_new_metric) {
    auto& made = in.family.metric.emplace_back();
    std::size_t i = 0;
    for (const auto& [name, value] : labels) {
      // To Prometheus an empty value and no label are the same.
      if (!value.empty()) made.label.push_back({std::string(name), values[i]});
      ++i;
    }
  }
  return in.family.metric[place->second];
}

void MetricFamilies::counter(std::string_view family, std::string_view help, MetricLabels labels,
                             double value) {
  metric(family, help, prometheus::MetricType::Counter, labels).counter.value += value;
}

void MetricFamilies::gauge(std::string_view family, std::string_view help, MetricLabels labels,
                           double value) {
  metric(family, help, prometheus::MetricType::Gauge, labels).gauge.value += value;
}

void MetricFamilies::histogram(std::string_view family, std::string_view help, MetricLabels labels,
                               const std::vector<double>& bounds,
                               const std::vector<std::uint64_t>& buckets, double sum) {
  EPAULET_ASSERT(buckets.size() == bounds.size() + 1);
  auto& out = metric(family, help, prometheus::MetricType::Histogram, labels).histogram;
  out.bucket.resize(bounds.size());
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    cumulative += buckets[i];
    out.bucket[i].upper_bound = bounds[i];
    out.bucket[i].cumulative_count += cumulative;
  }
  // The serializer adds the bucket of infinity, with the count of all samples.
  out.sample_count += cumulative + buckets.back();
  out.sample_sum += sum;
}

std::vector<prometheus::MetricFamily> MetricFamilies::take() {
  std::vector<prometheus::MetricFamily> out;
  out.reserve(families_.size());
  for (auto& each : families_) out.push_back(std::move(each.family));
  families_.clear();
  by_name_.clear();
  return out;
}

}  // namespace epaulet::telemetry

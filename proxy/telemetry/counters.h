#pragma once

#include <string_view>

#include "telemetry/telemetry.h"

namespace epaulet::telemetry {

/// How a counter or gauge looks to Prometheus. Rows of one family stand together and share `help`.
struct MetricRow {
  std::string_view family;
  std::string_view help;
  std::string_view label;  ///< "" if the family has no labels.
  std::string_view value;
  std::string_view second_label = {};
  std::string_view second_value = {};
};

[[nodiscard]] const MetricRow& row_of(Counter counter);
[[nodiscard]] const MetricRow& row_of(Gauge gauge);

inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::count_);
inline constexpr std::size_t kGauges = static_cast<std::size_t>(Gauge::count_);

}  // namespace epaulet::telemetry

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/control_metrics.h"
#include "telemetry/log_writer.h"
#include "telemetry/worker_telemetry.h"

namespace epaulet::telemetry {

/// The page of /metrics: what all threads counted, merged when it is asked for. The control thread
/// only; workers do not notice.
class Metrics {
 public:
  struct PageRefusals {
    std::string_view page;
    std::uint64_t requests = 0;
  };
  struct Sources {
    std::vector<const WorkerTelemetry*> shards;  ///< Outlive this.
    const LogWriter* log_writer = nullptr;       ///< Outlives this.
    std::function<ControlMetrics()> control;     ///< May be absent.
    /// What our own ports refused to whoever asked there. May be absent.
    std::function<std::vector<PageRefusals>()> page_refusals;
    std::string version;  ///< Of the program.
  };
  explicit Metrics(Sources sources) : sources_(std::move(sources)) {}

  /// Prometheus text format 0.0.4.
  [[nodiscard]] std::string text() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  Sources sources_;
};

}  // namespace epaulet::telemetry

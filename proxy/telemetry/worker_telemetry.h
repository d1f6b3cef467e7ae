#pragma once

#include <chrono>
#include <optional>

#include "config/settings.h"
#include "runtime/random.h"
#include "telemetry/kept_records.h"
#include "telemetry/log_ring.h"
#include "telemetry/process_log.h"
#include "telemetry/telemetry.h"
#include "telemetry/worker_metrics.h"

namespace epaulet::telemetry {

/// One thread's shard: its metrics, its end of a log ring, what it keeps for explain. In the steady
/// state report() allocates nothing, takes no lock and makes no system call (one in
/// limits::kLogBatchTime at most, to wake the log's writer).
class WorkerTelemetry final : public Telemetry {
 public:
  /// `ring`: of this thread alone, outlives this. `random`: for sampling, and ids of DNS refusals.
  WorkerTelemetry(LogRing& ring, Random random);

  /// Where its spans go; before anything is reported. `ring`: of this thread alone, outlives this.
  void set_span_ring(LogRing& ring) { span_ring_ = &ring; }

  // The owning thread only.

  /// From a new snapshot.
  void configure(const LogSettings& log, const ExplainSettings& explain);
  void count(Counter counter, std::uint64_t by = 1) override { metrics_.count(counter, by); }
  void adjust(Gauge gauge, std::int64_t by) override { metrics_.adjust(gauge, by); }
  void inbound_opened(std::uint16_t port, Protection protection) override {
    metrics_.port_cells(port, protection).opened.add();
  }
  void inbound_closed(std::uint16_t port, Protection protection) override {
    metrics_.port_cells(port, protection).closed.add();
  }
  void report(const ExchangeRecord& record, WallTime wall_now) override;
  void report(const ConnectionRecord& record, WallTime wall_now) override;
  void report(const DnsRecord& record, TimePoint now, WallTime wall_now) override;
  void report(const SpanDetails& details, const ExchangeRecord& record, WallTime wall_now) override;
  void report(const HealthRecord& record, WallTime wall_now) override;
  [[nodiscard]] ProcessLog& log() { return process_log_; }

  // Any thread.

  [[nodiscard]] const WorkerMetrics& metrics() const { return metrics_; }
  [[nodiscard]] const KeptRecords& kept() const { return kept_; }

 private:
  [[nodiscard]] bool is_sampled();
  [[nodiscard]] bool is_shaped(const ExchangeRecord& record);
  void push(std::string_view line);

  LogRing& ring_;
  LogRing* span_ring_ = nullptr;
  Random random_;
  WorkerMetrics metrics_;
  KeptRecords kept_;
  ProcessLog process_log_;
  bool access_log_ = true;
  double access_sample_ = 1.0;
  std::optional<std::chrono::nanoseconds> slow_;
  TimePoint next_redirect_{};  ///< That is kept.
};

}  // namespace epaulet::telemetry

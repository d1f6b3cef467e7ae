#pragma once

#include <array>

#include "telemetry/telemetry.h"

namespace epaulet::upstream {

/// Counts what the folder counts.
class RecordingTelemetry final : public telemetry::Telemetry {
 public:
  void count(telemetry::Counter counter, std::uint64_t by = 1) override {
    counters_[static_cast<std::size_t>(counter)] += by;
  }
  void adjust(telemetry::Gauge gauge, std::int64_t by) override {
    gauges_[static_cast<std::size_t>(gauge)] += by;
  }
  void inbound_opened(std::uint16_t, telemetry::Protection) override {}
  void inbound_closed(std::uint16_t, telemetry::Protection) override {}
  void report(const telemetry::ExchangeRecord&, WallTime) override {}
  void report(const telemetry::ConnectionRecord&, WallTime) override {}
  void report(const telemetry::DnsRecord&, TimePoint, WallTime) override {}
  void report(const telemetry::SpanDetails&, const telemetry::ExchangeRecord&, WallTime) override {}
  void report(const telemetry::HealthRecord&, WallTime) override {}

  [[nodiscard]] std::uint64_t counted(telemetry::Counter counter) const {
    return counters_[static_cast<std::size_t>(counter)];
  }
  [[nodiscard]] std::int64_t gauge(telemetry::Gauge gauge) const {
    return gauges_[static_cast<std::size_t>(gauge)];
  }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(telemetry::Counter::count_)> counters_{};
  std::array<std::int64_t, static_cast<std::size_t>(telemetry::Gauge::count_)> gauges_{};
};

}  // namespace epaulet::upstream

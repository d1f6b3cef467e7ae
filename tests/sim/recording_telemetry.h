#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/telemetry.h"

namespace epaulet::sim {

/// Keeps everything that is reported: tests count outcomes.
class RecordingTelemetry final : public telemetry::Telemetry {
 public:
  void count(telemetry::Counter counter, std::uint64_t by = 1) override {
    counters_[static_cast<std::size_t>(counter)] += by;
  }
  void adjust(telemetry::Gauge gauge, std::int64_t by) override {
    gauges_[static_cast<std::size_t>(gauge)] += by;
  }
  void inbound_opened(std::uint16_t, telemetry::Protection protection) override {
    ++opened[static_cast<std::size_t>(protection)];
  }
  void inbound_closed(std::uint16_t, telemetry::Protection protection) override {
    ++closed[static_cast<std::size_t>(protection)];
  }
  void report(const telemetry::ExchangeRecord& record, WallTime) override {
    if (keeps_) exchanges.push_back(record);
  }
  void report(const telemetry::ConnectionRecord& record, WallTime) override {
    if (keeps_) connections.push_back(record);
  }
  void report(const telemetry::DnsRecord&, TimePoint, WallTime) override {}
  void report(const telemetry::SpanDetails& details, const telemetry::ExchangeRecord& record,
              WallTime) override {
    if (keeps_) spans.push_back({details.place.parent_id, record});
  }
  void report(const telemetry::HealthRecord& record, WallTime) override {
    health.emplace_back(record.event);
  }

  /// For tests that count allocations.
  void keep_nothing() { keeps_ = false; }

  [[nodiscard]] std::uint64_t counted(telemetry::Counter counter) const {
    return counters_[static_cast<std::size_t>(counter)];
  }
  [[nodiscard]] std::int64_t gauge(telemetry::Gauge gauge) const {
    return gauges_[static_cast<std::size_t>(gauge)];
  }

  std::vector<telemetry::ExchangeRecord> exchanges;
  std::vector<telemetry::ConnectionRecord> connections;
  struct Spanned {
    std::array<char, 16> parent_id;
    telemetry::ExchangeRecord record;
  };
  std::vector<Spanned> spans;
  std::vector<std::string> health;        ///< Events.
  std::array<std::uint64_t, 3> opened{};  ///< Connections to a port, by telemetry::Protection.
  std::array<std::uint64_t, 3> closed{};

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(telemetry::Counter::count_)> counters_{};
  std::array<std::int64_t, static_cast<std::size_t>(telemetry::Gauge::count_)> gauges_{};
  bool keeps_ = true;
};

}  // namespace epaulet::sim

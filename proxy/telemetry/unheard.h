#pragma once

#include "telemetry/telemetry.h"

namespace epaulet::telemetry {

/// For what is done on our own account and must not look like traffic: nothing is counted.
class Unheard final : public Telemetry {
 public:
  void count(Counter, std::uint64_t) override {}
  void adjust(Gauge, std::int64_t) override {}
  void inbound_opened(std::uint16_t, Protection) override {}
  void inbound_closed(std::uint16_t, Protection) override {}
  void report(const ExchangeRecord&, WallTime) override {}
  void report(const ConnectionRecord&, WallTime) override {}
  void report(const DnsRecord&, TimePoint, WallTime) override {}
  void report(const SpanDetails&, const ExchangeRecord&, WallTime) override {}
  void report(const HealthRecord&, WallTime) override {}
};

}  // namespace epaulet::telemetry

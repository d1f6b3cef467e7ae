#pragma once

#include "dns/observer.h"
#include "runtime/loop.h"
#include "telemetry/worker_telemetry.h"

namespace epaulet::server {

/// DNS refusals as telemetry: a log line, an id, a record for explain.
class DnsBridge final : public DnsObserver {
 public:
  DnsBridge(Loop& loop, telemetry::WorkerTelemetry& telemetry)
      : loop_(loop), telemetry_(telemetry) {}
  void on_refusal(const DnsRefusal& refusal) override;

 private:
  Loop& loop_;
  telemetry::WorkerTelemetry& telemetry_;
};

}  // namespace epaulet::server

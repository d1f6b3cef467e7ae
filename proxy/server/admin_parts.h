#pragma once

#include "admin/app_probes.h"
#include "admin/server.h"
#include "io/dialer.h"
#include "server/process.h"
#include "telemetry/metrics.h"

namespace epaulet::server {

/// What answers on the three ports of the control thread.
struct Process::AdminParts {
  std::unique_ptr<Dialer> dialer;
  std::unique_ptr<admin::AppProbes> probes;
  std::unique_ptr<telemetry::Metrics> metrics;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::unique_ptr<admin::AdminServer> admin;
  std::unique_ptr<admin::AdminServer> metrics_server;
  std::unique_ptr<admin::AdminServer> health;

  ~AdminParts() {
    admin.reset();
    metrics_server.reset();
    health.reset();
  }
};

}  // namespace epaulet::server

#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "admin/app_metrics.h"
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
  std::unique_ptr<admin::AppMetrics> app_metrics;
  std::unique_ptr<telemetry::Metrics> metrics;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::unique_ptr<admin::AdminServer> admin;
  std::unique_ptr<admin::AdminServer> metrics_server;
  std::unique_ptr<admin::AdminServer> health;

  /// Each server and what logs and metrics call it.
  [[nodiscard]] std::array<std::pair<std::string_view, admin::AdminServer*>, 3> pages() const {
    return {{{"admin", admin.get()}, {"metrics", metrics_server.get()}, {"health", health.get()}}};
  }

  /// Whether to log a refused request: once in ten seconds. The metrics count them all.
  [[nodiscard]] bool says_denial(TimePoint now) {
    constexpr std::chrono::seconds kEvery{10};
    if (denial_said_at_ && now < *denial_said_at_ + kEvery) return false;
    denial_said_at_ = now;
    return true;
  }

  ~AdminParts() {
    admin.reset();
    metrics_server.reset();
    health.reset();
  }

 private:
  std::optional<TimePoint> denial_said_at_;
};

}  // namespace epaulet::server

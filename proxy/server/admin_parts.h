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
  std::unique_ptr<admin::EndPage> end;
  std::unique_ptr<telemetry::Metrics> metrics;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::unique_ptr<admin::AdminServer> admin;
  std::unique_ptr<admin::AdminServer> metrics_server;
  std::unique_ptr<admin::AdminServer> health;

  static constexpr std::size_t kPages = 3;
  /// Each server and what logs and metrics call it.
  [[nodiscard]] std::array<std::pair<std::string_view, admin::AdminServer*>, kPages> pages() const {
    return {{{"admin", admin.get()}, {"metrics", metrics_server.get()}, {"health", health.get()}}};
  }

  /// Whether to log a request that this page has refused: once in ten seconds, whatever the others
  /// refuse. The metrics count them all.
  [[nodiscard]] bool says_denial(std::size_t page, TimePoint now) {
    constexpr std::chrono::seconds kEvery{10};
    auto& said_at = denial_said_at_[page];
    if (said_at && now < *said_at + kEvery) return false;
    said_at = now;
    return true;
  }

  ~AdminParts() {
    admin.reset();
    metrics_server.reset();
    health.reset();
  }

 private:
  std::array<std::optional<TimePoint>, kPages> denial_said_at_;
};

}  // namespace epaulet::server

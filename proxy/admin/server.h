#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "admin/app_metrics.h"
#include "admin/app_probes.h"
#include "admin/end_page.h"
#include "admin/surface.h"
#include "io/listener.h"
#include "runtime/loop.h"

namespace epaulet::admin {

/// Serves a surface over HTTP/1.1 on the control thread's loop. At most
/// limits::kAdminConnectionsMax connections: when they are taken, the one whose client has been
/// waited for longest makes room, so that nobody who opens many and says nothing can keep a probe
/// out.
class AdminServer {
 public:
  /// `probes`: serves AppProbes::kPrefix; `metrics`: what stands behind AppMetrics::kPath; `end`:
  /// EndPage::kPrefix. Each may be nullptr, and outlives this.
  AdminServer(Loop& loop, Surface surface, AppProbes* probes = nullptr,
              AppMetrics* metrics = nullptr, EndPage* end = nullptr);
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  /// Ends accepting and all connections; no handler is called any more.
  ~AdminServer();

  /// Accepts from now on. Several listeners may feed one server. `listener`: outlives this.
  void listen(Listener& listener);

  [[nodiscard]] std::size_t connections() const;
  /// Connections reset for want of room since the start: new ones, or silent ones for new ones.
  [[nodiscard]] std::uint64_t refused() const;
  /// Hears of each of them.
  void set_on_refused(std::function<void()> on_refused);
  /// Requests that we have answered with 4xx since the start: no page for such a caller, method or
  /// path, or no request at all. An app's own answer to its probe does not count.
  [[nodiscard]] std::uint64_t denied() const;
  /// Hears of each of them, with its status.
  void set_on_denied(std::function<void(std::uint16_t)> on_denied);

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutines, which end later than this.
};

}  // namespace epaulet::admin

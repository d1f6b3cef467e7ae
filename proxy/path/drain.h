#pragma once

#include <chrono>

#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::path {

/// All workers of a process, as its drain sees them: what is told takes effect at each worker's own
/// turn.
class DrainedWorkers {
 public:
  /// Inbound accepts until its queues are empty, then no more; idle inbound connections are closed.
  virtual void drain_inbound() = 0;
  /// Have them count their connections for busy().
  virtual void refresh() = 0;
  [[nodiscard]] virtual bool busy() const = 0;
  /// Outbound too.
  virtual void stop_accepting() = 0;

 protected:
  ~DrainedWorkers() = default;
};

/// Behind Worker::begin_drain(), which turns readiness and answers: inbound serves late arrivals
/// for the grace period, telling all callers to go, then what its queues hold; outbound lives until
/// the app has gone or the time is up. Then what is left may be cut. False: the scope has ended.
Task<bool> drain_in_order(DrainedWorkers& workers, Scope& scope, std::chrono::nanoseconds grace,
                          std::chrono::nanoseconds timeout);

}  // namespace epaulet::path

#pragma once

#include <array>
#include <memory>
#include <vector>

#include "runtime/loop.h"
#include "runtime/timers.h"
#include "telemetry/worker_telemetry.h"

namespace epaulet::server {

/// Says in the log that connections are being refused or not accepted, which no record of an
/// exchange tells: at once, then every kAgain for as long as it goes on, with how many it were
/// since. Control thread.
class PressureLog final : private Timer {
 public:
  using Shards = std::vector<std::unique_ptr<telemetry::WorkerTelemetry>>;

  /// `shards`: all of the process; the first is this thread's and takes the lines.
  PressureLog(Loop& loop, const Shards& shards);

  static constexpr std::chrono::seconds kLookEvery{1};
  static constexpr std::chrono::seconds kAgain{10};

 private:
  void on_timer() override;

  struct Watched {
    std::uint64_t said = 0;
    TimePoint said_at = TimePoint::min();
  };
  Loop& loop_;
  const Shards& shards_;
  std::array<Watched, 3> watched_;
};

}  // namespace epaulet::server

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "runtime/loop.h"
#include "runtime/timers.h"

namespace epaulet::server {

/// Compares how far the wall clock has come with the monotonic one.
class ClockJumps {
 public:
  ClockJumps(TimePoint now, WallTime wall_now) : last_(apart(now, wall_now)) {}

  /// By how much the wall clock has been set since the last look, forwards or back, if that is more
  /// than a clock that is merely put right.
  std::optional<std::chrono::nanoseconds> look(TimePoint now, WallTime wall_now);

  static constexpr std::chrono::seconds kLeast{5};

 private:
  static std::chrono::nanoseconds apart(TimePoint now, WallTime wall_now) {
    return wall_now.time_since_epoch() - now.time_since_epoch();
  }

  std::chrono::nanoseconds last_;
};

/// Tells of jumps of the wall clock: certificates and tokens that are refused, or good again, all
/// at once have their reason there. Control thread.
class ClockWatch final : private Timer {
 public:
  using Told = std::function<void(std::chrono::nanoseconds)>;

  ClockWatch(Loop& loop, Told told);

  [[nodiscard]] std::uint64_t jumps() const { return jumps_; }

  static constexpr std::chrono::seconds kLookEvery{1};

 private:
  void on_timer() override;

  Loop& loop_;
  Told told_;
  ClockJumps watched_;
  std::uint64_t jumps_ = 0;
};

}  // namespace epaulet::server

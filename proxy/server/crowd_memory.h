#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/loop.h"
#include "runtime/timers.h"
#include "telemetry/worker_telemetry.h"

namespace epaulet::server {

/// Sees that a crowd of connections has left: those that came and went between two looks, too.
class CrowdWatch {
 public:
  static constexpr std::uint64_t kCrowd = 256;  ///< Fewer leave little behind.

  /// `served`: connections now; `accepted`: since the process began. True: three quarters of the
  /// most that there were have gone, and hardly any comes. Once for each crowd.
  [[nodiscard]] bool has_left(std::uint64_t served, std::uint64_t accepted) {
    const auto came = accepted - accepted_;
    most_ = std::max({most_, served, served_ + came});
    served_ = served;
    accepted_ = accepted;
    if (most_ < kCrowd || served > most_ / 4 || came > most_ / 16) return false;
    most_ = served;
    return true;
  }

 private:
  std::uint64_t served_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t most_ = 0;
};

/// Gives the memory of a crowd back once it has left: the workers' pools keep free blocks and
/// malloc free pages for whoever comes next, which is several times the process itself after ten
/// thousand connections with mutual TLS. Control thread.
class CrowdMemory final : private Timer {
 public:
  using Shards = std::vector<std::unique_ptr<telemetry::WorkerTelemetry>>;

  /// `give_back` is told when it is time to. `shards`: all of the process.
  CrowdMemory(Loop& loop, const Shards& shards, const std::atomic<std::uint32_t>& served,
              std::function<void()> give_back);

  static constexpr std::chrono::seconds kLookEvery{1};

 private:
  void on_timer() override;

  Loop& loop_;
  const Shards& shards_;
  const std::atomic<std::uint32_t>& served_;
  const std::function<void()> give_back_;
  CrowdWatch watch_;
};

}  // namespace epaulet::server

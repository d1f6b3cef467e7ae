#pragma once

#include <functional>
#include <memory>

#include "runtime/loop.h"

namespace boost::asio {
class io_context;
}

namespace epaulet {

/// A loop driven by an Asio reactor and the real clock: one thread, one io_context.
class AsioLoop final : public Loop {
 public:
  AsioLoop();
  ~AsioLoop() override;

  /// Turns until stop(). Runs on the loop's thread; may run again.
  void run();
  /// From any thread.
  void stop();
  void post(std::function<void()> job) override;

  /// For io/ only.
  [[nodiscard]] boost::asio::io_context& context();

  /// The real clocks, read now: for use before the loop runs.
  [[nodiscard]] static TimePoint read_clock();
  [[nodiscard]] static WallTime read_wall_clock();

 private:
  struct Reactor;
  void read_time();
  void arm_wakeup();

  std::unique_ptr<Reactor> reactor_;
};

}  // namespace epaulet

#pragma once

#include <functional>
#include <memory>

#include "runtime/io_loop.h"

namespace epaulet {

/// The control thread's loop, driven by an Asio reactor and the real clock: one thread, one
/// io_context. It waits for anything, level-triggered too; workers have the cheaper EpollLoop.
class AsioLoop final : public IoLoop {
 public:
  AsioLoop();
  ~AsioLoop() override;

  void run() override;
  void stop() override;
  void post(std::function<void()> job) override;
  [[nodiscard]] Readiness* watch(int fd, Readiness::Owner& owner) override;

 private:
  struct Reactor;
  void arm_wakeup();

  std::unique_ptr<Reactor> reactor_;
};

}  // namespace epaulet

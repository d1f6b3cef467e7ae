#pragma once

#include <sys/epoll.h>

#include <array>
#include <functional>
#include <mutex>
#include <vector>

#include "runtime/io_loop.h"

namespace epaulet {

/// A worker's loop: one thread, one epoll, the real clock.
///
/// Every descriptor is told to the kernel once, edge-triggered, for its whole life; interest in
/// writing is added the first time that a write is short. So a keep-alive exchange changes nothing
/// in the epoll, where Asio's reactor arms each wait by a system call of its own and queues a
/// handler for it behind a lock. Timers are the time-out of the wait.
class EpollLoop : public IoLoop {
 public:
  /// `precise_wait`: tries epoll_pwait2(2) (Linux 5.11, and a seccomp filter that knows it), else
  /// timers are as late as a wait in milliseconds makes them.
  explicit EpollLoop(bool precise_wait = true);
  ~EpollLoop() override;

  void run() override;
  void stop() override;
  void post(std::function<void()> job) override;
  [[nodiscard]] Readiness* watch(int fd, Readiness::Owner& owner) override;

 private:
  class Watched;
  static constexpr std::size_t kEventsPerWait = 64;

  [[nodiscard]] std::size_t wait();
  [[nodiscard]] int wait_until(TimePoint due);
  void take_posted();
  void bury();

  int epoll_;
  int wakeup_;  ///< An eventfd: another thread has posted.
  bool stopped_ = false;
  bool has_precise_wait_;
  std::array<epoll_event, kEventsPerWait> events_;
  IntrusiveList<Watched> closed_;  ///< Events that were fetched already may point to them.

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  ///< Under mutex_.
  std::vector<std::function<void()>> running_;
};

}  // namespace epaulet

#pragma once

#include <functional>
#include <memory>

#include "runtime/asio_loop.h"

namespace epaulet {

/// Readiness of descriptors that a library owns (c-ares, inotify). Never reads, writes or closes
/// them.
class FdWatch {
 public:
  virtual ~FdWatch() = default;
  /// Calls `on_ready` through the loop each time the descriptor is readable (or writable) while
  /// interest lasts; level-triggered. Both false: forgets the descriptor. Must be forgotten before
  /// its owner closes it.
  virtual void watch(int fd, bool readable, bool writable,
                     std::function<void(bool readable, bool writable)> on_ready) = 0;
};

[[nodiscard]] std::unique_ptr<FdWatch> make_fd_watch(AsioLoop& loop);

}  // namespace epaulet

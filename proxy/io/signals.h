#pragma once

#include <functional>

#include "io/fd_watch.h"
#include "io/tcp.h"

namespace epaulet {

/// SIGTERM, SIGINT and SIGHUP as events of the control loop. Made before any thread starts, so that
/// all of them inherit the blocked mask. SIGPIPE is ignored: a peer that went away is an error
/// value.
class Signals {
 public:
  Signals(FdWatch& fd_watch, std::function<void(int signal)> on_signal);
  ~Signals();

 private:
  void drain();
  FdWatch& fd_watch_;
  std::function<void(int)> on_signal_;
  OwnedFd descriptor_;
};

}  // namespace epaulet

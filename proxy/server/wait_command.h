#pragma once

#include <chrono>
#include <string>

namespace epaulet::server {

/// `epaulet wait`.
struct WaitOptions {
  std::string admin = "127.0.0.1:15000";
  std::chrono::seconds at_most{60};
  bool then_go_on = false;
};

/// Asks the sidecar again and again whether it is ready, from when it does not run yet. Blocks.
/// 0: it is, or the time is over and `then_go_on`; 1: the time is over; 2: `admin` is no address.
/// What it was not ready for is printed.
int wait_command(const WaitOptions& options);

}  // namespace epaulet::server

#include "path/drain.h"

namespace epaulet::path {
namespace {

constexpr std::chrono::milliseconds kLookEvery{20};

}  // namespace

Task<bool> drain_in_order(DrainedWorkers& workers, Scope& scope, std::chrono::nanoseconds grace,
                          std::chrono::nanoseconds timeout) {
  Loop& loop = scope.loop();
  const auto begin = loop.now();
  const auto end = begin + grace + timeout;
  (void)co_await sleep_until(scope, begin + grace);
  workers.drain_inbound();
  for (bool busy = true; busy && loop.now() < end;) {
    workers.refresh();
    const auto slept = co_await sleep_until(scope, loop.now() + kLookEvery);
    if (!slept) co_return false;
    busy = workers.busy();
  }
  workers.stop_accepting();
  co_return true;
}

}  // namespace epaulet::path

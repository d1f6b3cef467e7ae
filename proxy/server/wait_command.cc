#include "server/wait_command.h"

#include <poll.h>

#include <algorithm>
#include <cstdio>

#include "admin/client.h"
#include "base/error_table.h"
#include "runtime/io_loop.h"

namespace epaulet::server {
namespace {

constexpr std::chrono::milliseconds kPause{100};

}  // namespace

int wait_command(const WaitOptions& options) {
  const auto address = admin::address_or_complaint(options.admin);
  if (!address) return 2;
  const auto end = IoLoop::read_clock() + options.at_most;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - IoLoop::read_clock());
    const auto patience =
        std::clamp<std::chrono::milliseconds>(left, kPause, limits::kAdminClientTime);
    const auto answer = admin::admin_get(*address, "/ready", patience);
    if (answer && answer->status == 200) return 0;
    if (left <= kPause) {
      std::fprintf(stderr, "epaulet: the sidecar is not ready after %lld s: %s\n",
                   static_cast<long long>(options.at_most.count()),
                   answer ? answer->body.c_str()
                          : std::string(describe(answer.error().code).summary).c_str());
      return options.then_go_on ? 0 : 1;
    }
    ::poll(nullptr, 0, static_cast<int>(kPause.count()));
  }
}

}  // namespace epaulet::server

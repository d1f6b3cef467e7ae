#include "redirect/guard_check.h"

#include <fmt/format.h>
#include <poll.h>

namespace epaulet::redirect {
namespace {

constexpr int kLookMilliseconds = 5;
constexpr int kLooksMax = 40;
/// No listener needed: whatever the guard lets through, the kernel would answer with a reset.
constexpr std::uint16_t kSomePort = 9;
constexpr std::uint16_t kNeighbourPort = 39999;

}  // namespace

Check check_guard(Scaffold& scaffold, const ScaffoldAddresses& addresses,
                  const GuardCounter& dropped) {
  const SocketAddress destination{addresses.own, kSomePort};
  const bool v4 = destination.ip.is_v4();
  Check check{fmt::format("inbound-guard/{}", v4 ? "ipv4" : "ipv6"), false, ""};
  const auto before = dropped(v4);
  if (!before) {
    check.detail = "the rule is not there: who evades connection tracking reaches the app directly";
    return check;
  }
  const Flow flow{Transport::tcp, {addresses.neighbour, kNeighbourPort}, destination};
  const int error = scaffold.inject(flow, PacketKind::stray);
  for (int look = 0; error == 0 && look < kLooksMax && !check.ok; ++look) {
    check.ok = dropped(v4).value_or(0) > *before;
    if (!check.ok) ::poll(nullptr, 0, kLookMilliseconds);
  }
  check.detail =
      fmt::format("TCP from outside to {} that is not tracked {}", destination.to_string(),
                  check.ok ? "is dropped" : "should be dropped, but is let in");
  return check;
}

}  // namespace epaulet::redirect

#include "redirect/guard_check.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

namespace epaulet::redirect {
namespace {

constexpr int kLookMilliseconds = 5;
constexpr int kLooksMax = 40;
constexpr std::uint16_t kNeighbourPort = 39999;

}  // namespace

std::uint16_t guarded_port(const RedirectOptions& options) {
  const auto included = options.included_inbound_ports();
  if (!included.empty()) return included.front();
  const auto direct = options.direct_ports();
  std::uint16_t port = 9;
  while (std::find(direct.begin(), direct.end(), port) != direct.end()) ++port;
  return port;
}

Check check_guard(Scaffold& scaffold, const ScaffoldAddresses& addresses, std::uint16_t port,
                  const GuardCounter& dropped) {
  const SocketAddress destination{addresses.own, port};
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

#include "redirect/guard_check.h"

#include <fmt/format.h>
#include <poll.h>

#include <charconv>

#include "redirect/program.h"

namespace epaulet::redirect {
namespace {

constexpr int kLookMilliseconds = 5;
constexpr int kLooksMax = 40;
/// No listener needed: whatever the guard lets through, the kernel would answer with a reset.
constexpr std::uint16_t kSomePort = 9;
constexpr std::uint16_t kNeighbourPort = 39999;

std::optional<std::uint64_t> dropped_now() {
  const auto listed =
      run_program({"nft", "list", "chain", "inet", "epaulet", "guard"}, "", "nftables");
  if (!listed || listed->status != 0) return std::nullopt;
  return dropped_by_guard(listed->output);
}

}  // namespace

std::optional<std::uint64_t> dropped_by_guard(std::string_view listing) {
  constexpr std::string_view kRule = "comment \"inbound-guard\"";
  constexpr std::string_view kCounter = "counter packets ";
  const auto rule_end = listing.find(kRule);
  if (rule_end == std::string_view::npos) return std::nullopt;
  const auto line_start = listing.rfind('\n', rule_end) + 1;  // npos + 1 is 0
  const auto line = listing.substr(line_start, rule_end - line_start);
  const auto counter = line.find(kCounter);
  if (counter == std::string_view::npos) return std::nullopt;
  std::uint64_t packets = 0;
  const auto* const first = line.data() + counter + kCounter.size();
  const auto [end, error] = std::from_chars(first, line.data() + line.size(), packets);
  if (error != std::errc{} || end == first) return std::nullopt;
  return packets;
}

Check check_guard(Scaffold& scaffold, const ScaffoldAddresses& addresses) {
  const SocketAddress destination{addresses.own, kSomePort};
  Check check{fmt::format("inbound-guard/{}", destination.ip.is_v4() ? "ipv4" : "ipv6"), false, ""};
  const auto before = dropped_now();
  if (!before) {
    check.detail = "the rule is not there: who evades connection tracking reaches the app directly";
    return check;
  }
  const Flow flow{Transport::tcp, {addresses.neighbour, kNeighbourPort}, destination};
  const int error = scaffold.inject(flow, PacketKind::stray);
  for (int look = 0; error == 0 && look < kLooksMax && !check.ok; ++look) {
    check.ok = dropped_now().value_or(0) > *before;
    if (!check.ok) ::poll(nullptr, 0, kLookMilliseconds);
  }
  check.detail =
      fmt::format("TCP from outside to {} that is not tracked {}", destination.to_string(),
                  check.ok ? "is dropped" : "should be dropped, but is let in");
  return check;
}

}  // namespace epaulet::redirect

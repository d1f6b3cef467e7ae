#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "redirect/probe.h"
#include "redirect/scaffold.h"

namespace epaulet::redirect {

/// How many packets the rule `inbound-guard` has dropped, from what `nft list chain` prints;
/// nothing if the rule is not there.
[[nodiscard]] std::optional<std::uint64_t> dropped_by_guard(std::string_view listing);

/// Sends a packet that NAT does not touch and sees that the guard drops it. Such a packet leaves no
/// entry in connection tracking whether it is dropped or not, so the rule's own counter is read.
[[nodiscard]] Check check_guard(Scaffold& scaffold, const ScaffoldAddresses& addresses);

}  // namespace epaulet::redirect

#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "redirect/probe.h"
#include "redirect/scaffold.h"

namespace epaulet::redirect {

/// How many packets the rule `inbound-guard` of a family has dropped; nothing if it is not there.
using GuardCounter = std::function<std::optional<std::uint64_t>(bool v4)>;

/// Sends a packet that NAT does not touch and sees that the guard drops it. Such a packet leaves no
/// entry in connection tracking whether it is dropped or not, so the rule's own counter is read.
[[nodiscard]] Check check_guard(Scaffold& scaffold, const ScaffoldAddresses& addresses,
                                const GuardCounter& dropped);

}  // namespace epaulet::redirect

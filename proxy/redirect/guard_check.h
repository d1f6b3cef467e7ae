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
                                std::uint16_t port, const GuardCounter& dropped);

/// A TCP port that nobody may dial past the proxy. No listener is needed there: whatever the guard
/// lets through, the kernel would answer with a reset.
[[nodiscard]] std::uint16_t guarded_port(const RedirectOptions& options);

}  // namespace epaulet::redirect

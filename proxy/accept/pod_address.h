#pragma once

#include <optional>

#include "base/address.h"

namespace epaulet {

/// The address that stands for this pod: the first of its interfaces' by number, IPv6 before IPv4,
/// that is neither loopback nor link-local. The same after a restart, another one in every other
/// pod. Nothing if there is none.
[[nodiscard]] std::optional<IpAddress> pod_address();

}  // namespace epaulet

#pragma once

#include <chrono>
#include <string_view>

#include "crypto/reason.h"

namespace epaulet::certs {

/// "24h", "90d", "30m", "45s": a whole positive number with one unit, at most 100 years.
[[nodiscard]] Checked<std::chrono::seconds> parse_lifetime(std::string_view text);

}  // namespace epaulet::certs

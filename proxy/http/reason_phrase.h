#pragma once

#include <cstdint>
#include <string_view>

namespace epaulet::http {

/// RFC 9110 section 15, of the statuses that our own answers have; "" for others.
[[nodiscard]] std::string_view reason_phrase(std::uint16_t status);

}  // namespace epaulet::http

#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace epaulet {

using Sha256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256 sha256(std::span<const std::uint8_t> bytes);

/// For what a protocol prescribes (Sec-WebSocket-Accept); it proves nothing any more.
[[nodiscard]] std::array<std::uint8_t, 20> sha1(std::string_view text);

/// With padding (RFC 4648 section 4).
[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);

/// Lower case, two digits a byte, nothing between.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace epaulet

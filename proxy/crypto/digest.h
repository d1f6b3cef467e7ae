#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace epaulet {

using Sha256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256 sha256(std::span<const std::uint8_t> bytes);

/// Lower case, two digits a byte, nothing between.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace epaulet

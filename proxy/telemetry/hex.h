#pragma once

#include <cstdint>
#include <string_view>

/// Ids as text: lower-case hexadecimal.
namespace epaulet::telemetry {

/// 16 digits.
inline void write_hex(std::uint64_t value, char* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int i = 15; i >= 0; --i) {
    out[i] = kDigits[value & 0xf];
    value >>= 4;
  }
}

/// Of 16 such digits.
[[nodiscard]] inline std::uint64_t read_hex(const char* digits) {
  std::uint64_t value = 0;
  for (int i = 0; i < 16; ++i) {
    const char c = digits[i];
    value = (value << 4) | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return value;
}

}  // namespace epaulet::telemetry

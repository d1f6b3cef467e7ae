#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

/// Ids as text: lower-case hexadecimal.
namespace epaulet::telemetry {

/// Eight digits at once, each in its octet: every request gets several ids.
inline void write_hex_half(std::uint32_t value, char* out) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  std::uint64_t digits = value;
  digits = (digits | digits << 16) & 0x0000ffff0000ffffU;
  digits = (digits | digits << 8) & 0x00ff00ff00ff00ffU;
  digits = (digits | digits << 4) & 0x0f0f0f0f0f0f0f0fU;
  const std::uint64_t letters = ((digits + kOnes * 6) >> 4) & kOnes;
  digits += kOnes * '0' + letters * ('a' - '0' - 10);
  if constexpr (std::endian::native == std::endian::little) digits = __builtin_bswap64(digits);
  std::memcpy(out, &digits, sizeof digits);
}

/// 16 digits.
inline void write_hex(std::uint64_t value, char* out) {
  write_hex_half(static_cast<std::uint32_t>(value >> 32), out);
  write_hex_half(static_cast<std::uint32_t>(value), out + 8);
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

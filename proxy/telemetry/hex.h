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

/// Of eight such digits, at once like the writing.
[[nodiscard]] inline std::uint64_t read_hex_half(const char* digits) {
  std::uint64_t text;
  std::memcpy(&text, digits, sizeof text);
  if constexpr (std::endian::native == std::endian::little) text = __builtin_bswap64(text);
  const std::uint64_t letters = (text >> 6) & 0x0101010101010101U;
  std::uint64_t value = (text & 0x0f0f0f0f0f0f0f0fU) + letters * 9;
  value = (value | value >> 4) & 0x00ff00ff00ff00ffU;
  value = (value | value >> 8) & 0x0000ffff0000ffffU;
  return (value | value >> 16) & 0xffffffffU;
}

/// Of 16 such digits.
[[nodiscard]] inline std::uint64_t read_hex(const char* digits) {
  return read_hex_half(digits) << 32 | read_hex_half(digits + 8);
}

/// Whether eight characters are such digits.
[[nodiscard]] inline bool is_hex_half(const char* digits) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighs = kOnes * 0x80;
  std::uint64_t text;
  std::memcpy(&text, digits, sizeof text);
  const std::uint64_t low = text & ~kHighs;  // So that no sum below reaches the next octet.
  const auto at_least = [low](char c) { return low + kOnes * (0x80U - static_cast<unsigned>(c)); };
  const std::uint64_t numbers = at_least('0') & ~at_least('9' + 1);
  const std::uint64_t letters = at_least('a') & ~at_least('f' + 1);
  return ((numbers | letters) & ~text & kHighs) == kHighs;
}

}  // namespace epaulet::telemetry

#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

/// The little of UTF-8 (RFC 3629) that a text file needs.
namespace epaulet::config {

/// The character that starts at byte `at` < text.size(): one byte if the text is malformed there.
[[nodiscard]] std::string_view utf8_character(std::string_view text, std::size_t at);

/// The first byte that no YAML text may contain: malformed UTF-8, a control character other than
/// tab, newline and carriage return before newline (YAML 1.2.2 section 5.1), or nothing.
[[nodiscard]] std::optional<std::size_t> first_byte_not_text(std::string_view text);

[[nodiscard]] inline bool is_utf8_text(std::string_view text) {
  return !first_byte_not_text(text).has_value();
}

[[nodiscard]] constexpr bool is_utf8_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

}  // namespace epaulet::config

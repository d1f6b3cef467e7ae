#pragma once

#include <array>
#include <cstdint>

/// Classes of octets in HTTP messages, as one table: a parser looks each octet up once.
namespace epaulet::char_class {

/// tchar of RFC 9110 section 5.6.2: methods and field names.
inline constexpr std::uint8_t kToken = 1;
/// What a field value may hold: HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5).
inline constexpr std::uint8_t kValue = 2;
/// What we let pass in a request target: VCHAR without "#". Wider than RFC 3986, because browsers
/// and clients send `|`, `{` and `"` raw; neither of these ends a target for any parser.
inline constexpr std::uint8_t kTarget = 4;
/// What we let pass in a host name: letters, digits, "-", ".", "_", "~". Narrower than RFC 3986's
/// reg-name: nobody's host holds a "%" or a sub-delim, while "," makes one Host look like a list of
/// two.
inline constexpr std::uint8_t kHost = 8;
inline constexpr std::uint8_t kDigit = 16;
inline constexpr std::uint8_t kHexDigit = 32;

inline constexpr std::array<std::uint8_t, 256> kTable = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool lower = c >= 'a' && c <= 'z';
    const bool upper = c >= 'A' && c <= 'Z';
    const bool visible = c > 0x20 && c < 0x7f;
    bool token = digit || lower || upper;
    for (const char extra :
         {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
      token = token || c == static_cast<unsigned char>(extra);
    }
    unsigned bits = 0;
    if (token) bits |= kToken;
    if (visible || c == ' ' || c == '\t' || c >= 0x80) bits |= kValue;
    if (visible && c != '#') bits |= kTarget;
    if (digit || lower || upper || c == '-' || c == '.' || c == '_' || c == '~') bits |= kHost;
    if (digit) bits |= kDigit;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHexDigit;
    table[c] = static_cast<std::uint8_t>(bits);
  }
  return table;
}();

[[nodiscard]] constexpr bool is(char c, std::uint8_t classes) {
  return (kTable[static_cast<unsigned char>(c)] & classes) != 0;
}

}  // namespace epaulet::char_class

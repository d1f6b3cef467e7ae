#include "config/utf8.h"

#include <cstdint>

namespace epaulet::config {
namespace {

/// The code point at `at` and its length; length 0 if malformed (RFC 3629 section 4).
struct Decoded {
  std::uint32_t code_point = 0;
  std::size_t length = 0;
};

Decoded decode(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || at + length > text.size()) return {};
  std::uint32_t code_point = lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_utf8_continuation(text[at + i])) return {};
    code_point = code_point << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < kSmallest[length] || code_point > 0x10ffff || is_surrogate) return {};
  return {code_point, length};
}

}  // namespace

std::string_view utf8_character(std::string_view text, std::size_t at) {
  const auto decoded = decode(text, at);
  return text.substr(at, decoded.length == 0 ? 1 : decoded.length);
}

std::optional<std::size_t> first_byte_not_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte < 0x7f) {
      ++at;
      continue;
    }
    if (byte < 0x80) {
      const bool ends_line = byte == '\r' && at + 1 < text.size() && text[at + 1] == '\n';
      if (byte != '\n' && byte != '\t' && !ends_line) return at;
      ++at;
      continue;
    }
    const auto decoded = decode(text, at);
    // U+0080 to U+009F are control characters, U+FEFF inside a text is a stray byte order mark.
    if (decoded.length == 0 || decoded.code_point < 0xa0 || decoded.code_point == 0xfeff) return at;
    at += decoded.length;
  }
  return std::nullopt;
}

}  // namespace epaulet::config

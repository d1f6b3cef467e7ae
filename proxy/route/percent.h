#pragma once

#include <string_view>

#include "base/ascii.h"
#include "base/char_class.h"

namespace epaulet {

[[nodiscard]] constexpr unsigned hex_value(char c) {
  return static_cast<unsigned>(c <= '9' ? c - '0' : to_lower(c) - 'a' + 10);
}

/// Takes one character off `text`, which is not empty, percent-decoded. An incomplete encoding
/// stands for itself.
[[nodiscard]] constexpr char take_decoded(std::string_view& text) {
  using char_class::is;
  using char_class::kHexDigit;
  char c = text.front();
  std::size_t taken = 1;
  if (c == '%' && text.size() >= 3 && is(text[1], kHexDigit) && is(text[2], kHexDigit)) {
    c = static_cast<char>(hex_value(text[1]) << 4 | hex_value(text[2]));
    taken = 3;
  }
  text.remove_prefix(taken);
  return c;
}

}  // namespace epaulet

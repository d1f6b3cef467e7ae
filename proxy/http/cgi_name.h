#pragma once

#include <string_view>

#include "base/ascii.h"

/// Names of fields as servers read them that hand fields to apps as CGI variables (RFC 3875 section
/// 4.1.18): `X-Role`, `X_Role` and, in some of them, `X.Role` are one variable, `HTTP_X_ROLE`.
namespace epaulet::http {

/// Lower case, and a hyphen for whatever is neither letter nor digit.
[[nodiscard]] constexpr char as_cgi(char c) {
  const char folded = to_lower(c);
  const bool stays = (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9');
  return stays ? folded : '-';
}

/// Whether `name` begins with `wanted` in this reading.
[[nodiscard]] constexpr bool begins_as_cgi(std::string_view name, std::string_view wanted) {
  if (name.size() < wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (as_cgi(name[i]) != as_cgi(wanted[i])) return false;
  }
  return true;
}

[[nodiscard]] constexpr bool equals_as_cgi(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() && begins_as_cgi(name, wanted);
}

}  // namespace epaulet::http

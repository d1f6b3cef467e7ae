#pragma once

#include <string_view>

namespace epaulet::http {

/// Calls `visit(line)` for each of these lines, without its CRLF: added fields, trailers.
template <class Visit>
constexpr void for_each_line(std::string_view lines, Visit&& visit) {
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    visit(lines.substr(0, end));
    if (end == std::string_view::npos) return;
    lines.remove_prefix(end + 2);
  }
}

}  // namespace epaulet::http

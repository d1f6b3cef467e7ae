#include "admin/page.h"

#include <boost/json.hpp>
#include <optional>

#include "base/char_class.h"

namespace epaulet::admin {
namespace {

int hex_value(char c) {
  if (c <= '9') return c - '0';
  return (c | 0x20) - 'a' + 10;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text[0] != '%') {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < 3 || !char_class::is(text[1], char_class::kHexDigit) ||
        !char_class::is(text[2], char_class::kHexDigit)) {
      return std::nullopt;
    }
    out += static_cast<char>(hex_value(text[1]) * 16 + hex_value(text[2]));
    text.remove_prefix(3);
  }
  return out;
}

}  // namespace

Response error_page(std::uint16_t status, std::string_view message) {
  boost::json::object body;
  body["error"] = message;
  return {status, kJsonType, boost::json::serialize(body) + "\n", status >= 400 && status < 500};
}

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos) {
      return decoded(pair.substr(equals + 1)).value_or("");
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace epaulet::admin

#include "admin/surface.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/char_class.h"

namespace epaulet::admin {

bool is_loopback_authority(std::string_view authority) {
  // The last colon outside of brackets begins the port.
  const auto bracket = authority.find(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const auto host = authority.substr(0, colon);
  if (colon != std::string_view::npos) {
    const auto port = authority.substr(colon + 1);
    const auto is_digit = [](char c) { return char_class::is(c, char_class::kDigit); };
    if (!std::all_of(port.begin(), port.end(), is_digit)) return false;
  }
  return equals_ignore_case(host, "localhost") || host == "127.0.0.1" || host == "[::1]";
}

Response Surface::refuse(const http::RequestHead& request) const {
  if (audience_ == Audience::local) {
    if (!is_loopback_authority(request.authority)) {
      return error_page(403, "the Host must be localhost, 127.0.0.1 or [::1]");
    }
    if (request.find("Origin") != nullptr) {
      return error_page(403, "requests of web pages are refused: they carry an Origin");
    }
  }
  if (request.method != http::Method::get && request.method != http::Method::head) {
    return error_page(405, "read-only: GET and HEAD");
  }
  return {0, {}, {}};
}

Response Surface::answer(const http::RequestHead& request) const {
  Response refusal = refuse(request);
  if (refusal.status != 0) return refusal;
  const auto page = pages_.find(request.path);
  if (page != pages_.end()) return page->second({request.path, request.query});
  std::string message = "there is no such page; there are";
  for (const auto& [path, handler] : pages_) message += " " + path;
  return error_page(404, message);
}

}  // namespace epaulet::admin

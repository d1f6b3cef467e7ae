#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace epaulet::admin {

/// What a handler sees of a request: nothing but what it asks for. Views are valid during the call.
struct Request {
  std::string_view path;   ///< Without query.
  std::string_view query;  ///< Without "?"; encoded as it came.
};

struct Response {
  std::uint16_t status = 200;
  std::string_view content_type;  ///< A literal.
  std::string body;
  /// Ours, with 4xx: an app's own word about its health is none.
  bool is_refusal = false;
};

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";

/// Runs on the control thread and does not wait.
using Handler = std::function<Response(const Request&)>;

/// {"error":"..."}. `message`: a sentence without a full stop.
[[nodiscard]] Response error_page(std::uint16_t status, std::string_view message);

/// The decoded value of the first `name` in a query (application/x-www-form-urlencoded, but "+" is
/// itself: ids hold none of it). "" if there is none, or if it is encoded wrongly.
[[nodiscard]] std::string query_value(std::string_view query, std::string_view name);

}  // namespace epaulet::admin

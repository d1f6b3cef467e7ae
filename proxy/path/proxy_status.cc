#include "path/proxy_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error_table.h"

namespace epaulet::path {
namespace {

constexpr std::string_view kDetails = "details=\"";

/// Nothing of the request had reached the app.
constexpr std::array kNothingSent{ErrorCode::connect_refused,  ErrorCode::connect_unreachable,
                                  ErrorCode::connect_failed,   ErrorCode::connect_timeout,
                                  ErrorCode::draining,         ErrorCode::descriptors_exhausted,
                                  ErrorCode::memory_exhausted, ErrorCode::overloaded};
/// The app's connection ended before it answered.
constexpr std::array kLostBeforeAnswer{
    ErrorCode::reset_before_response, ErrorCode::closed_before_response, ErrorCode::upstream_reset};

/// The time that we gave the attempt was over there before it was here, or its own was.
constexpr std::array kOutOfTime{ErrorCode::deadline_exceeded, ErrorCode::attempt_timeout,
                                ErrorCode::first_byte_timeout};

Retry retry_of(ErrorCode code) {
  const auto is_in = [code](const auto& codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  };
  if (is_in(kNothingSent)) return Retry::safe;
  if (is_in(kOutOfTime)) return Retry::if_idempotent;
  return is_in(kLostBeforeAnswer) ? Retry::if_idempotent : Retry::never;
}

}  // namespace

std::string proxy_status_text(ErrorCode code, std::string_view rule, std::string_view rule_origin) {
  const auto& row = describe(code);
  std::string details(row.name);
  if (!rule.empty()) details += fmt::format("; rule {} ({})", rule, rule_origin);
  // A quoted string (RFC 8941 section 3.3.3): visible ASCII, with quote and backslash escaped.
  std::string quoted;
  for (const char c : details) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c >= ' ' && c <= '~' ? c : '?';
  }
  return fmt::format("epaulet; error={}; {}{}\"", row.proxy_status, kDetails, quoted);
}

std::optional<Error> failure_told_in(std::string_view proxy_status) {
  if (!proxy_status.starts_with("epaulet;")) return std::nullopt;
  const auto begin = proxy_status.find(kDetails);
  if (begin == std::string_view::npos) return std::nullopt;
  auto name = proxy_status.substr(begin + kDetails.size());
  name = name.substr(0, name.find_first_of(";\""));
  for (std::size_t i = 1; i < static_cast<std::size_t>(ErrorCode::count_); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (describe(code).name != name) continue;
    return Error(code, Side::upstream, Stage::receive, retry_of(code));
  }
  return std::nullopt;
}

}  // namespace epaulet::path

#include "base/ascii.h"
#include "config/diagnostic.h"
#include "config/text_checks.h"
#include "regex/regex.h"

/// Texts of `cors` and `regex`.
namespace epaulet::config {
namespace {

constexpr std::string_view kAny = "*";

bool is_scheme(std::string_view text) {
  if (text.empty() || text.front() < 'a' || text.front() > 'z') return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+.-") ==
         std::string_view::npos;
}

bool is_port(std::string_view text) {
  constexpr std::size_t kDigitsMax = 5;
  if (text.empty() || text.size() > kDigitsMax || text.front() == '0') return false;
  int port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + (c - '0');
  }
  return port <= 65535;
}

}  // namespace

std::optional<Complaint> check_cors_origin(std::string_view text) {
  if (text == kAny) return std::nullopt;
  const auto refuse = [&](const char* remedy) {
    return Complaint{in_quotes(text) + " is no origin of pages", remedy, {}};
  };
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || !is_scheme(text.substr(0, colon)))
    return refuse("write SCHEME://HOST, for example https://shop.example, or \"*\" for any");
  auto authority = text.substr(colon + 3);
  if (authority.find_first_of("/?#@") != std::string_view::npos)
    return refuse("write no user, path and query: SCHEME://HOST:PORT, without a slash at the end");
  const auto bracket = authority.rfind(']');
  const auto port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port != std::string_view::npos) {
    if (!is_port(authority.substr(port + 1))) return refuse("the port is 1 to 65535, or absent");
    authority = authority.substr(0, port);
  }
  if (authority == kAny) return std::nullopt;
  if (authority.find('*', 1) != std::string_view::npos ||
      (authority.starts_with('*') && !authority.starts_with("*.")))
    return refuse("a * stands for labels before a dot: https://*.shop.example");
  if (auto complaint = check_host_pattern(authority)) return complaint;
  return std::nullopt;
}

std::optional<Complaint> check_cors_method(std::string_view text) {
  return text == kAny ? std::nullopt : check_method(text);
}

std::optional<Complaint> check_cors_header(std::string_view text) {
  return text == kAny ? std::nullopt : check_header_name(text);
}

std::optional<Complaint> check_regex(std::string_view text) {
  const auto fault = Regex::fault_of(text);
  if (!fault) return std::nullopt;
  return Complaint{"this regular expression cannot be used: " + *fault,
                   "RE2 (https://github.com/google/re2/wiki/Syntax) has no back references and "
                   "look-arounds; the whole text has to fit",
                   {}};
}

}  // namespace epaulet::config

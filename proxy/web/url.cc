#include "web/url.h"

#include <charconv>

namespace epaulet::web {

std::optional<Url> parse_url(std::string_view url) {
  constexpr std::string_view kHttps = "https://";
  constexpr std::string_view kHttp = "http://";
  Url parsed;
  parsed.tls = url.starts_with(kHttps);
  if (!parsed.tls && !url.starts_with(kHttp)) return std::nullopt;
  parsed.port = parsed.tls ? 443 : 80;
  const auto rest = url.substr(parsed.tls ? kHttps.size() : kHttp.size());
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  parsed.authority = rest.substr(0, end);
  parsed.target = rest.substr(end);
  if (!parsed.target.starts_with('/')) parsed.target.insert(0, "/");
  if (const auto both = SocketAddress::parse(parsed.authority)) {
    parsed.address = both->ip;
    parsed.port = both->port;
    parsed.host = both->ip.to_string();
    return parsed;
  }
  parsed.address = IpAddress::parse(parsed.authority);
  if (parsed.address) {
    parsed.host = parsed.address->to_string();
    return parsed;
  }
  const auto colon = parsed.authority.rfind(':');
  parsed.host = parsed.authority.substr(0, colon);
  if (colon != std::string::npos) {
    const char* const begin = parsed.authority.data() + colon + 1;
    const char* const last = parsed.authority.data() + parsed.authority.size();
    const auto [stop, error] = std::from_chars(begin, last, parsed.port);
    if (error != std::errc() || stop != last || parsed.port == 0) return std::nullopt;
  }
  if (parsed.host.empty()) return std::nullopt;
  return parsed;
}

}  // namespace epaulet::web

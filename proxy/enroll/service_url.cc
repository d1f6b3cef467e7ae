#include "enroll/service_url.h"

#include <charconv>

#include "crypto/identity_service.h"

namespace epaulet::enroll {
namespace {

constexpr std::string_view kScheme = "https://";

}  // namespace

std::optional<ServiceUrl> parse_service_url(std::string_view url) {
  if (!url.starts_with(kScheme)) return std::nullopt;
  ServiceUrl parsed;
  parsed.authority = url.substr(kScheme.size());
  parsed.port = identity_service::kPort;
  if (const auto both = SocketAddress::parse(parsed.authority)) {
    parsed.address = both->ip;
    parsed.port = both->port;
    return parsed;
  }
  parsed.address = IpAddress::parse(parsed.authority);
  if (parsed.address) return parsed;
  const auto colon = parsed.authority.rfind(':');
  parsed.host = parsed.authority.substr(0, colon);
  if (colon != std::string::npos) {
    const char* const begin = parsed.authority.data() + colon + 1;
    const char* const end = parsed.authority.data() + parsed.authority.size();
    const auto [last, error] = std::from_chars(begin, end, parsed.port);
    if (error != std::errc() || last != end || parsed.port == 0) return std::nullopt;
  }
  if (parsed.host.empty()) return std::nullopt;
  return parsed;
}

}  // namespace epaulet::enroll

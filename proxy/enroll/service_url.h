#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace epaulet::enroll {

/// https://HOST[:PORT], taken apart. The loader has checked it.
struct ServiceUrl {
  std::string host;                  ///< A name; "" if there is an address.
  std::optional<IpAddress> address;  ///< Of a host that is one.
  std::uint16_t port = 0;
  std::string authority;  ///< As it stands there.
};

/// Nothing: it is no such URL.
[[nodiscard]] std::optional<ServiceUrl> parse_service_url(std::string_view url);

}  // namespace epaulet::enroll

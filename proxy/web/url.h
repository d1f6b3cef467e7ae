#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace epaulet::web {

/// http(s)://HOST[:PORT][/PATH][?QUERY], taken apart. The loader has checked it.
struct Url {
  bool tls = true;
  std::string host;                  ///< A name, or an address as text without brackets.
  std::optional<IpAddress> address;  ///< Of a host that is one.
  std::uint16_t port = 0;
  std::string authority;  ///< As it stands there, for Host.
  std::string target;     ///< With its query; "/" if there is none.
};

/// Nothing: it is no such URL.
[[nodiscard]] std::optional<Url> parse_url(std::string_view url);

}  // namespace epaulet::web

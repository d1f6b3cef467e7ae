#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "config/settings.h"

namespace epaulet {

/// What we take from /etc/resolv.conf (resolv.conf(5)); options do not concern us.
struct ResolvConf {
  std::vector<SocketAddress> nameservers;  ///< Port 53. IPv6 addresses with a zone are left out.
  std::vector<std::string>
      search;  ///< Without final dots; the last `search` or `domain` line counts.
};
/// Lines that are not understood are skipped, as resolvers do.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);
/// Errors: io_failed with errno. A missing file is an empty one.
[[nodiscard]] Result<ResolvConf> read_resolv_conf(const std::string& path = "/etc/resolv.conf");

/// The servers to forward to: `dns.upstream`, else the nameservers of resolv.conf; never one of
/// `own`, the addresses that our own DNS listens on, which would be a loop. May be empty: then
/// nothing can be forwarded.
[[nodiscard]] std::vector<SocketAddress> upstream_servers(const DnsSettings& settings,
                                                          const ResolvConf& resolv_conf,
                                                          std::span<const SocketAddress> own);

}  // namespace epaulet

#include "redirect/route.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "redirect/netlink.h"
#include "redirect/options.h"

namespace epaulet::redirect {
namespace {

std::span<const std::uint8_t> significant(const IpAddress& address) {
  return std::span(address.bytes()).first(address.is_v4() ? 4 : 16);
}

NetlinkRequest route_request(std::uint16_t type, std::uint16_t flags, const IpNetwork& network) {
  rtmsg body{};
  body.rtm_family = network.address.is_v4() ? AF_INET : AF_INET6;
  body.rtm_dst_len = static_cast<unsigned char>(network.prefix_bits);
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = kRouteProtocol;
  body.rtm_scope = network.address.is_v4() ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  NetlinkRequest request(type, flags, body);
  const auto prefix = masked(network).address;
  request.put_bytes(RTA_DST, significant(prefix));
  request.put(RTA_OIF, static_cast<std::uint32_t>(::if_nametoindex("lo")));
  return request;
}

/// The networks of our own routes, whatever installed them.
OrFailure<std::vector<IpNetwork>> own_routes(NetlinkSocket& socket) {
  rtmsg body{};  // family unspecified: both
  NetlinkRequest request(RTM_GETROUTE, NLM_F_DUMP, body);
  std::vector<NetlinkReply> replies;
  if (const int error = socket.ask(request, &replies); error != 0) {
    return system_failure("cannot list the routes", error, "CAP_NET_ADMIN", "rtnetlink");
  }
  std::vector<IpNetwork> own;
  for (const auto& reply : replies) {
    rtmsg route;
    if (reply.type != RTM_NEWROUTE || reply.payload.size() < sizeof route) continue;
    std::memcpy(&route, reply.payload.data(), sizeof route);
    const bool known_family = route.rtm_family == AF_INET || route.rtm_family == AF_INET6;
    if (!known_family || route.rtm_protocol != kRouteProtocol) continue;
    const auto destination =
        find_attribute(std::span(reply.payload).subspan(sizeof route), RTA_DST);
    if (!destination) continue;
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(destination->begin(), std::min(destination->size(), bytes.size()), bytes.begin());
    own.push_back({address_from(route.rtm_family == AF_INET, bytes), route.rtm_dst_len});
  }
  return own;
}

bool same(const IpNetwork& a, const IpNetwork& b) {
  return a.prefix_bits == b.prefix_bits && a.contains(b.address);
}

bool holds(const std::vector<IpNetwork>& list, const IpNetwork& wanted) {
  return std::any_of(list.begin(), list.end(), [&](const auto& one) { return same(one, wanted); });
}

OrFailure<void> add(NetlinkSocket& socket, const IpNetwork& network) {
  auto request = route_request(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, network);
  const int error = socket.ask(request);
  if (error == 0) return {};
  if (error == EEXIST) {
    return Failure{fmt::format("virtual-route: a route to {} exists already and is not ours",
                               network.to_string()),
                   fmt::format("remove it (ip route del {}) or choose another --virtual-{}",
                               network.to_string(), network.address.is_v4() ? "v4" : "v6")};
  }
  return system_failure(fmt::format("virtual-route: cannot add a route to {}", network.to_string()),
                        error, "CAP_NET_ADMIN",
                        network.address.is_v4() ? "IPv4 routing" : "IPv6 switched on");
}

}  // namespace

OrFailure<void> set_virtual_routes(const std::vector<IpNetwork>& networks) {
  NetlinkSocket socket(NETLINK_ROUTE);
  if (socket.error() != 0) {
    return system_failure("cannot open a netlink socket", socket.error(), "CAP_NET_ADMIN",
                          "rtnetlink");
  }
  const auto own = own_routes(socket);
  if (!own) return own.error();
  for (const auto& network : networks) {
    if (holds(*own, network)) continue;
    if (auto added = add(socket, network); !added) return added.error();
  }
  for (const auto& route : *own) {
    if (holds(networks, route)) continue;
    auto request = route_request(RTM_DELROUTE, NLM_F_ACK, route);
    if (const int error = socket.ask(request); error != 0 && error != ESRCH) {
      return system_failure(fmt::format("cannot remove our route to {}", route.to_string()), error,
                            "CAP_NET_ADMIN", "rtnetlink");
    }
  }
  return {};
}

OrFailure<void> remove_virtual_routes() {
  return set_virtual_routes({});
}

}  // namespace epaulet::redirect

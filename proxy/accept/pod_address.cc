#include "accept/pod_address.h"

#include <ifaddrs.h>
#include <sys/socket.h>

namespace epaulet {
namespace {

const IpNetwork kLinkLocalV4{IpAddress::v4(0xA9FE0000u), 16};
const IpNetwork kLinkLocalV6{*IpAddress::parse("fe80::"), 10};

bool stands_for_the_pod(const IpAddress& ip) {
  return !ip.is_loopback() && !kLinkLocalV4.contains(ip) && !kLinkLocalV6.contains(ip);
}

}  // namespace

std::optional<IpAddress> pod_address() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  std::optional<IpAddress> first;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const auto address = SocketAddress::from_sockaddr(each->ifa_addr);
    if (!address || !stands_for_the_pod(address->ip)) continue;
    if (!first || address->ip < *first) first = address->ip;
  }
  ::freeifaddrs(list);
  return first;
}

}  // namespace epaulet

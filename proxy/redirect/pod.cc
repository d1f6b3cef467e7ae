#include "redirect/pod.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/ascii.h"

namespace epaulet::redirect {
namespace {

bool can_bind_ipv6_loopback() {
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_storage address;
  const auto length = SocketAddress::parse("[::1]:0")->to_sockaddr(address);
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0;
  ::close(fd);
  return bound;
}

bool is_link_local(const IpAddress& ip) {
  return ip.is_v6() && IpNetwork{*IpAddress::parse("fe80::"), 10}.contains(ip);
}

}  // namespace

OrFailure<Pod> look_at_pod() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) {
    return Failure{"cannot list the pod's addresses: " + errno_text(errno), ""};
  }
  Pod pod;
  for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const std::string_view name = entry->ifa_name;
    if (name == "lo") {
      pod.loopback_is_up |= (entry->ifa_flags & IFF_UP) != 0;
      continue;
    }
    if (entry->ifa_addr == nullptr) continue;
    const auto address = SocketAddress::from_sockaddr(entry->ifa_addr);
    if (address) pod.addresses.push_back({std::string(name), address->ip});
  }
  ::freeifaddrs(list);
  pod.has_ipv6_loopback = can_bind_ipv6_loopback();
  return pod;
}

std::optional<InterfaceAddress> global_ipv6(const Pod& pod) {
  for (const auto& entry : pod.addresses) {
    if (entry.address.is_v6() && !is_link_local(entry.address)) return entry;
  }
  return std::nullopt;
}

std::optional<Failure> obstacle(const Pod& pod, const RedirectOptions& options) {
  if (!pod.loopback_is_up) {
    return Failure{"the loopback interface is down, so nothing can be redirected to it",
                   "ip link set lo up"};
  }
  for (const auto& entry : pod.addresses) {
    for (const auto& range : {options.virtual_v4, options.virtual_v6}) {
      if (!range.contains(entry.address)) continue;
      return Failure{fmt::format("the virtual network {} contains the pod's own address {} on {}",
                                 range.to_string(), entry.address.to_string(), entry.interface),
                     range.address.is_v4()
                         ? "choose another one with --virtual-v4 and dns.virtual_v4"
                         : "choose another one with --virtual-v6 and dns.virtual_v6"};
    }
  }
  if (options.ipv6 == Ipv6Mode::off || pod.has_ipv6_loopback) return std::nullopt;
  if (const auto global = global_ipv6(pod)) {
    return Failure{
        fmt::format("the pod has the IPv6 address {} on {} but no ::1 to redirect IPv6 to",
                    global->address.to_string(), global->interface),
        "sysctl net.ipv6.conf.lo.disable_ipv6=0, or close IPv6 with --ipv6 off"};
  }
  if (options.ipv6 == Ipv6Mode::on) {
    return Failure{"--ipv6 on, but the pod has no IPv6", "give it IPv6, or use --ipv6 auto"};
  }
  return std::nullopt;
}

bool wants_ipv6(const Pod& pod, const RedirectOptions& options) {
  return options.ipv6 != Ipv6Mode::off && pod.has_ipv6_loopback;
}

std::vector<IpAddress> loopback_nameservers(std::string_view resolv_conf) {
  constexpr std::string_view kKeyword = "nameserver";
  std::vector<IpAddress> found;
  while (!resolv_conf.empty()) {
    const auto end = resolv_conf.find('\n');
    auto line = trim(resolv_conf.substr(0, end));
    resolv_conf.remove_prefix(end == std::string_view::npos ? resolv_conf.size() : end + 1);
    if (!line.starts_with(kKeyword)) continue;
    line.remove_prefix(kKeyword.size());
    if (line.empty() || (line.front() != ' ' && line.front() != '\t')) continue;
    line = trim(line);
    const auto address = IpAddress::parse(line.substr(0, line.find_first_of(" \t\r#;")));
    if (!address || !address->is_loopback()) continue;
    if (std::find(found.begin(), found.end(), *address) == found.end()) found.push_back(*address);
  }
  return found;
}

}  // namespace epaulet::redirect

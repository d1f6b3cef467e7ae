#include "accept/loop_guard.h"

#include <ifaddrs.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace epaulet {

namespace {

bool is_own_source(const IpAddress& ip) {
  const int fd = ::socket(ip.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_storage address;
  socklen_t length = SocketAddress{ip, 9}.to_sockaddr(address);  // any port: nothing is sent
  bool local = false;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0) {
    length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
      const auto source = SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&address));
      local = source && source->ip == ip;
    }
  }
  ::close(fd);
  return local;
}

bool is_of_an_interface(const IpAddress& ip) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  bool found = false;
  for (const ifaddrs* each = list; each != nullptr && !found; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const auto address = SocketAddress::from_sockaddr(each->ifa_addr);
    found = address && address->ip == ip;
  }
  ::freeifaddrs(list);
  return found;
}

}  // namespace

bool is_local_address(const IpAddress& ip) {
  if (ip.is_loopback()) return true;
  if (ip.is_unspecified()) return true;  // connect() to it reaches this host
  return is_own_source(ip) || is_of_an_interface(ip);
}

void LoopGuard::add(const SocketAddress& listener) {
  if (std::find(listeners_.begin(), listeners_.end(), listener) == listeners_.end()) {
    listeners_.push_back(listener);
  }
}

bool LoopGuard::is_ours(const SocketAddress& destination) const {
  if (std::find(listeners_.begin(), listeners_.end(), destination) != listeners_.end()) return true;
  return is_own_port(destination.port) && is_local_(destination.ip);
}

bool LoopGuard::may_deliver_to(const IpAddress& ip, const IpAddress& arrived_at) const {
  if (ip == arrived_at) return true;
  return !ip.is_loopback() && !ip.is_unspecified() && is_local_(ip);
}

bool LoopGuard::is_own_port(std::uint16_t port) const {
  return std::any_of(listeners_.begin(), listeners_.end(),
                     [port](const SocketAddress& listener) { return listener.port == port; });
}

}  // namespace epaulet

#include "redirect/stand_in.h"

#include <netinet/in.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace epaulet::redirect {
namespace {

constexpr int kBacklog = 128;
constexpr int kDecoyAttemptsMax = 32;

int bind_to(int fd, const SocketAddress& address) {
  sockaddr_storage storage;
  const auto length = address.to_sockaddr(storage);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), length);
}

std::uint16_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return 0;
  const auto address = SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
  return address ? address->port : 0;
}

void close_keeping_errno(int fd) {
  const int error = errno;
  ::close(fd);
  errno = error;
}

}  // namespace

StandIns::~StandIns() {
  for (const int fd : sockets_) ::close(fd);
}

/// `shared` sockets can be joined, and would join the proxy's own and take connections from it.
int StandIns::bound_socket(const SocketAddress& address, bool shared) const {
  // The owner of a socket, by which SO_REUSEPORT groups are kept apart, is the file system user.
  const int before = ::setfsuid(shared ? proxy_uid_ : ::geteuid());
  const int fd = ::socket(address.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::setfsuid(static_cast<uid_t>(before));
  if (fd < 0) return -1;
  const int on = 1;
  // A closed connection in TIME_WAIT is no listener.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (address.ip.is_v6()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind_to(fd, address) == 0) return fd;
  close_keeping_errno(fd);
  return -1;
}

StandIns::Opened StandIns::open(const SocketAddress& address) {
  const int trial = bound_socket(address, false);
  if (trial < 0) return errno == EADDRINUSE ? Opened::theirs : Opened::failed;
  ::close(trial);
  const int fd = bound_socket(address, true);
  if (fd < 0) return errno == EADDRINUSE ? Opened::theirs : Opened::failed;
  if (::listen(fd, kBacklog) != 0) {
    close_keeping_errno(fd);
    return Opened::failed;
  }
  sockets_.push_back(fd);
  return Opened::here;
}

std::uint16_t StandIns::open_decoy(bool v4, const std::vector<std::uint16_t>& avoid) {
  const SocketAddress any{*IpAddress::parse(v4 ? "0.0.0.0" : "::"), 0};
  for (int attempt = 0; attempt < kDecoyAttemptsMax; ++attempt) {
    const int fd = bound_socket(any, false);
    if (fd < 0) return 0;
    const auto port = port_of(fd);
    const bool usable = port != 0 && std::find(avoid.begin(), avoid.end(), port) == avoid.end();
    if (usable && ::listen(fd, kBacklog) == 0) {
      sockets_.push_back(fd);
      return port;
    }
    ::close(fd);
  }
  return 0;
}

bool udp_is_taken(const SocketAddress& address) {
  const int fd = ::socket(address.ip.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool taken = bind_to(fd, address) != 0 && errno == EADDRINUSE;
  ::close(fd);
  return taken;
}

}  // namespace epaulet::redirect

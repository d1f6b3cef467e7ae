#include "accept/original_destination.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace epaulet {
namespace {

// SO_ORIGINAL_DST (linux/netfilter_ipv4.h) and IP6T_SO_ORIGINAL_DST (linux/netfilter_ipv6/
// ip6_tables.h) are the same number on two levels; those headers do not mix with netinet/in.h.
constexpr int kOriginalDestination = 80;

Error missing(std::int32_t error_number) {
  return Error(ErrorCode::original_destination_missing, Side::downstream, Stage::accept,
               Retry::never, error_number);
}

Result<SocketAddress> address_of(const sockaddr_storage& storage) {
  const auto address = SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
  if (!address) return missing(EAFNOSUPPORT);  // a unix socket, say
  return *address;
}

Result<SocketAddress> local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return missing(errno);
  return address_of(storage);
}

/// A mapped peer is IPv4 on the wire, so its entry is in the IPv4 table: `local` is already
/// unmapped.
Result<SocketAddress> tracked_destination(int fd, const SocketAddress& local) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const int level = local.ip.is_v4() ? IPPROTO_IP : IPPROTO_IPV6;
  if (::getsockopt(fd, level, kOriginalDestination, &storage, &length) != 0) return missing(errno);
  return address_of(storage);
}

}  // namespace

Result<SocketAddress> original_destination(int fd) {
  const auto local = local_address(fd);
  if (!local) return local.error();
  const auto original = tracked_destination(fd, *local);
  if (!original) return original.error();
  // As soon as any NAT rule exists, every connection is tracked and has a destination: its own.
  if (*original == *local) return missing(0);
  return *original;
}

Result<SocketAddress> decide(const std::optional<SocketAddress>& original,
                             const SocketAddress& local, const LoopGuard& own) {
  if (!original || *original == local) return missing(0);
  if (own.is_ours(*original)) {
    return Error(ErrorCode::destination_is_ourselves, Side::downstream, Stage::accept);
  }
  return *original;
}

Result<void> require_here(const SocketAddress& original, const SocketAddress& local,
                          const LoopGuard& own) {
  if (own.may_deliver_to(original.ip, local.ip)) return {};
  return Error(ErrorCode::destination_not_here, Side::downstream, Stage::accept);
}

}  // namespace epaulet

#include "dns/resolver.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dns/address_answer.h"

namespace epaulet {
namespace {

Result<FamilyAnswer> interpret(const Result<DnsBytes>& answer, const DomainName& name,
                               RecordType type) {
  if (!answer) return answer.error();
  return read_address_answer(*answer, name, type);
}

void keep_routable(Addresses& found, const UpstreamResolver::HasRoute& has_route) {
  const auto unreachable = [&has_route](const IpAddress& ip) { return !has_route(ip); };
  auto& all = found.addresses;
  if (!std::all_of(all.begin(), all.end(), unreachable)) std::erase_if(all, unreachable);
}

}  // namespace

UpstreamResolver::UpstreamResolver(UpstreamDns& upstream, HasRoute has_route)
    : upstream_(upstream), has_route_(std::move(has_route)) {}

Task<Result<Addresses>> UpstreamResolver::resolve(std::string name, Scope& scope) {
  const auto domain = DomainName::from_text(name);
  if (!domain) co_return Error(ErrorCode::dns_name_unknown, Side::self, Stage::resolve);
  const HasRoute has_route = has_route_;  // This object may be gone after the wait.
  Exchanges both(upstream_, scope);
  both.add(address_query(*domain, RecordType::a));
  both.add(address_query(*domain, RecordType::aaaa));
  co_await both;
  if (scope.cancelled()) co_return *scope.cancelled();
  const auto v4 = interpret(both.result(0), *domain, RecordType::a);
  const auto v6 = interpret(both.result(1), *domain, RecordType::aaaa);
  auto found = combine(v4, v6);
  if (found) keep_routable(*found, has_route);
  co_return found;
}

bool has_route(const IpAddress& address) {
  sockaddr_storage storage;
  const unsigned length = SocketAddress{address, 9}.to_sockaddr(storage);  // The discard port.
  const int fd = ::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  // Without a descriptor nothing is known: then the address is worth an attempt. Without the family
  // it is not.
  if (fd < 0) return errno != EAFNOSUPPORT;
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0;
  ::close(fd);
  return connected;
}

}  // namespace epaulet

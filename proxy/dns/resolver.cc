#include "dns/resolver.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "dns/address_answer.h"

namespace epaulet {
namespace {

void keep_routable(Addresses& found, const UpstreamResolver::HasRoute& has_route) {
  const auto unreachable = [&has_route](const IpAddress& ip) { return !has_route(ip); };
  auto& all = found.addresses;
  if (!std::all_of(all.begin(), all.end(), unreachable)) std::erase_if(all, unreachable);
}

}  // namespace

UpstreamResolver::UpstreamResolver(UpstreamDns& upstream, HasRoute has_route)
    : state_(std::make_shared<State>(State{&upstream, std::move(has_route)})) {}

UpstreamResolver::~UpstreamResolver() {
  state_->upstream = nullptr;
}

// Not a coroutine itself, which could outlive this object.
Task<Result<Addresses>> UpstreamResolver::resolve(std::string name, Scope& scope) {
  return run(state_, std::move(name), scope);
}

Task<Result<Addresses>> UpstreamResolver::run(std::shared_ptr<const State> state, std::string name,
                                              Scope& scope) {
  const auto domain = DomainName::from_text(name);
  if (!domain) co_return Error(ErrorCode::dns_name_unknown, Side::self, Stage::resolve);
  AddressChase v4(*domain, RecordType::a);
  AddressChase v6(*domain, RecordType::aaaa);
  while (!v4.has_ended() || !v6.has_ended()) {
    if (state->upstream == nullptr)
      co_return Error(ErrorCode::cancelled, Side::self, Stage::resolve);
    Exchanges exchanges(*state->upstream, scope);
    std::vector<AddressChase*> asking;
    for (auto* chase : {&v4, &v6}) {
      if (chase->has_ended()) continue;
      exchanges.add(chase->query());
      asking.push_back(chase);
    }
    co_await exchanges;
    if (scope.cancelled()) co_return *scope.cancelled();
    for (std::size_t i = 0; i < asking.size(); ++i) asking[i]->take(exchanges.result(i));
  }
  auto found = combine(v4.found(), v6.found());
  if (found) keep_routable(*found, state->has_route);
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

#include "dns/resolver.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "dns/address_answer.h"
#include "dns/srv_answer.h"

namespace epaulet {
namespace {

const Error kNoName(ErrorCode::dns_name_unknown, Side::self, Stage::resolve);
const Error kGone(ErrorCode::cancelled, Side::self, Stage::resolve);

void keep_routable(std::vector<IpAddress>& all, const UpstreamResolver::HasRoute& has_route) {
  const auto unreachable = [&has_route](const IpAddress& ip) { return !has_route(ip); };
  if (!std::all_of(all.begin(), all.end(), unreachable)) std::erase_if(all, unreachable);
}

}  // namespace

UpstreamResolver::UpstreamResolver(UpstreamDns& upstream, HasRoute has_route)
    : state_(std::make_shared<State>(State{&upstream, std::move(has_route)})) {}

UpstreamResolver::~UpstreamResolver() {
  state_->upstream = nullptr;
}

// Not coroutines themselves, which could outlive this object.
Task<Result<Addresses>> UpstreamResolver::resolve(std::string name, Scope& scope) {
  return find_addresses(state_, DomainName::from_text(name), scope);
}
Task<Result<ServiceEndpoints>> UpstreamResolver::resolve_service(std::string name, Scope& scope) {
  return find_service(state_, DomainName::from_text(name), scope);
}

Task<Result<Addresses>> UpstreamResolver::find_addresses(std::shared_ptr<State> state,
                                                         std::optional<DomainName> name,
                                                         Scope& scope) {
  if (!name) co_return kNoName;
  AddressChase v4(*name, RecordType::a);
  AddressChase v6(*name, RecordType::aaaa);
  while (!v4.has_ended() || !v6.has_ended()) {
    if (state->upstream == nullptr) co_return kGone;
    Exchanges exchanges(*state->upstream, scope);
    const bool with_edns = state->with_edns;
    bool is_silent = true;
    std::vector<AddressChase*> asking;
    for (auto* chase : {&v4, &v6}) {
      if (chase->has_ended()) continue;
      exchanges.add(chase->query(with_edns));
      asking.push_back(chase);
    }
    co_await exchanges;
    if (scope.cancelled()) co_return *scope.cancelled();
    for (std::size_t i = 0; i < asking.size(); ++i) {
      is_silent = is_silent && !exchanges.result(i);
      asking[i]->take(exchanges.result(i));
    }
    if (is_silent) state->with_edns = !with_edns;
  }
  auto found = combine(v4.found(), v6.found());
  if (found) keep_routable(found->addresses, state->has_route);
  co_return found;
}

Task<Result<ServiceEndpoints>> UpstreamResolver::find_service(std::shared_ptr<State> state,
                                                              std::optional<DomainName> name,
                                                              Scope& scope) {
  if (!name) co_return kNoName;
  if (state->upstream == nullptr) co_return kGone;
  Exchanges exchange(*state->upstream, scope);
  const bool with_edns = state->with_edns;
  exchange.add(address_query(*name, RecordType::srv, with_edns));
  co_await exchange;
  if (scope.cancelled()) co_return *scope.cancelled();
  if (!exchange.result(0)) {
    state->with_edns = !with_edns;
    co_return exchange.result(0).error();
  }
  auto answer = read_srv_answer(*exchange.result(0), *name);
  if (!answer) co_return answer.error();

  ServiceEndpoints found;
  found.ttl = answer->ttl;
  std::optional<Error> failure;
  const SrvTarget* previous = nullptr;
  for (auto& target : answer->targets) {
    const bool is_next_priority =
        previous != nullptr && previous->srv.priority != target.srv.priority;
    if (is_next_priority && (failure || !found.endpoints.empty())) break;
    previous = &target;
    if (target.addresses.empty() && !failure) {
      std::optional<DomainName> target_name(target.srv.target);
      auto looking_up = find_addresses(state, std::move(target_name), scope);
      const auto looked_up = co_await looking_up;
      if (scope.cancelled()) co_return *scope.cancelled();
      if (looked_up) {
        target.addresses = looked_up->addresses;
        found.ttl = std::min(found.ttl, looked_up->ttl);
        found.is_partial = found.is_partial || looked_up->v4_failed || looked_up->v6_failed;
      } else if (looked_up.error().code != ErrorCode::dns_name_unknown) {
        failure = looked_up.error();
      }
    }
    keep_routable(target.addresses, state->has_route);
    const std::uint32_t weight = std::max<std::uint32_t>(target.srv.weight, 1);
    for (const auto& ip : target.addresses)
      found.endpoints.push_back({SocketAddress{ip, target.srv.port}, weight});
  }
  found.is_partial = found.is_partial || failure;
  if (!found.endpoints.empty()) co_return found;
  if (failure) co_return *failure;
  co_return Error(ErrorCode::dns_name_unknown, Side::upstream, Stage::resolve, Retry::safe);
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

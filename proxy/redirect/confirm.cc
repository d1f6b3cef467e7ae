#include "redirect/confirm.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/owned_fd.h"

namespace epaulet::redirect {
namespace {

OwnedFd stream_socket(bool v4, int flags) {
  return OwnedFd(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

template <class Call>
int with(const SocketAddress& address, Call call) {
  sockaddr_storage storage;
  const auto length = address.to_sockaddr(storage);
  return call(reinterpret_cast<const sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

bool has(const std::vector<std::uint32_t>& list, std::uint32_t uid) {
  return std::find(list.begin(), list.end(), uid) != list.end();
}

bool is_redirected(const RedirectOptions& options, std::uint32_t uid) {
  const auto& only = options.include_uids;
  return !has(options.exempt_uids(), uid) && (only.empty() || has(only, uid));
}

bool waits_for(int fd, short events) {
  pollfd one{fd, events, 0};
  int count = 0;
  do {
    count = ::poll(&one, 1, kConfirmMilliseconds);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

/// 0, or why not.
int dial(const OwnedFd& socket, const SocketAddress& to) {
  if (socket.get() < 0) return errno;
  const int begun =
      with(to, [&](const auto* at, auto size) { return ::connect(socket.get(), at, size); });
  if (begun != EINPROGRESS) return begun;
  if (!waits_for(socket.get(), POLLOUT)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

Check confirm(const RedirectOptions& options, bool v4) {
  Check check;
  check.name = v4 ? "confirmed/ipv4" : "confirmed/ipv6";
  const SocketAddress proxy{*IpAddress::parse(v4 ? "127.0.0.1" : "::1"), options.outbound_port};
  const auto to = confirmed_address(options, v4);
  const auto listener = stream_socket(v4, 0);
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!v4) ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  int error =
      with(proxy, [&](const auto* at, auto size) { return ::bind(listener.get(), at, size); });
  const bool is_theirs = error == EADDRINUSE;  // The proxy itself, already.
  if (error == 0 && ::listen(listener.get(), 1) != 0) error = errno;
  if (error != 0 && !is_theirs) {
    check.detail = fmt::format("cannot listen on {}: {}", proxy.to_string(), errno_text(error));
    return check;
  }
  const auto socket = stream_socket(v4, SOCK_NONBLOCK);
  if (const int refused = dial(socket, to); refused != 0) {
    check.detail = fmt::format("{} does not lead to {}: {}", to.to_string(), proxy.to_string(),
                               refused == ETIMEDOUT ? "nothing happens" : errno_text(refused));
    return check;
  }
  check.ok = is_theirs || waits_for(listener.get(), POLLIN);
  check.detail = fmt::format("{} is {} {}", to.to_string(),
                             check.ok ? "led to" : "answered, and not by", proxy.to_string());
  return check;
}

Check standing(const SocketAddress& place) {
  Check check;
  check.name = place.ip.is_v4() ? "standing/ipv4" : "standing/ipv6";
  const int error = dial(stream_socket(place.ip.is_v4(), SOCK_NONBLOCK), place);
  check.ok = error == ECONNREFUSED;
  check.detail = fmt::format("{} is {}", place.to_string(),
                             check.ok             ? "refused, as it should be"
                             : error == 0         ? "answered, and should be refused"
                             : error == ETIMEDOUT ? "not refused: nothing happens"
                                                  : "not refused: " + errno_text(error));
  return check;
}

}  // namespace

std::vector<SocketAddress> standing_places(const Report& report, std::uint16_t listener) {
  std::vector<SocketAddress> places;
  const bool is_usual = std::none_of(
      report.arguments.begin(), report.arguments.end(), [](const std::string& argument) {
        return argument.starts_with("--virtual-") || argument.starts_with("--uid");
      });
  if (!report.ok || !is_usual) return places;
  for (const bool v4 : {true, false}) {
    const auto* const family = v4 ? "ipv4" : "ipv6";
    const auto& families = report.families;
    if (std::find(families.begin(), families.end(), family) == families.end()) continue;
    places.push_back(confirmed_address({}, v4));
    places.back().port = listener;
  }
  return places;
}

std::vector<Check> standing_rules(const std::vector<SocketAddress>& places) {
  std::vector<Check> checks;
  if (::getuid() != RedirectOptions().uid) return checks;
  for (const auto& place : places) {
    const bool v4 = place.ip.is_v4();
    const SocketAddress own{*IpAddress::parse(v4 ? "127.0.0.1" : "::1"), place.port};
    if (dial(stream_socket(v4, SOCK_NONBLOCK), own) == 0) checks.push_back(standing(place));
  }
  return checks;
}

SocketAddress confirmed_address(const RedirectOptions& options, bool v4) {
  const auto network = masked(v4 ? options.virtual_v4 : options.virtual_v6);
  auto bytes = network.address.bytes();
  bytes[v4 ? 3 : 15] |= 1;
  SocketAddress address{address_from(v4, bytes), 80};
  const auto& excluded = options.exclude_outbound_ports;
  while (std::find(excluded.begin(), excluded.end(), address.port) != excluded.end())
    ++address.port;  // The list is shorter than there are ports.
  return address;
}

OrFailure<std::vector<Check>> confirm_rules(const RedirectOptions& options, const Pod& pod) {
  if (!options.loopback_nameservers.empty()) {
    return Failure{
        fmt::format("the pod's resolver is {}, which whoever installs the rules from outside "
                    "the pod cannot know: its questions would not be led to the proxy",
                    options.loopback_nameservers.front().to_string()),
        "take a nameserver elsewhere (dnsPolicy, dnsConfig), or let init containers install the "
        "rules"};
  }
  if (!is_redirected(options, ::getuid())) {
    return Failure{fmt::format("user {} is not redirected, and so cannot see it", ::getuid()),
                   "run as a user that is (securityContext.runAsUser)"};
  }
  std::vector<Check> checks{confirm(options, true)};
  if (wants_ipv6(pod, options)) checks.push_back(confirm(options, false));
  return checks;
}

}  // namespace epaulet::redirect

#include "redirect/scaffold.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "redirect/netlink.h"

namespace epaulet::redirect {
namespace {

constexpr int kLookMilliseconds = 2;
constexpr int kLooksMax = 250;
constexpr const char* kOutside = "epaulet0";
constexpr const char* kInside = "epaulet1";
// Locally administered (IEEE 802: bit 1 of the first byte).
constexpr MacAddress kOutsideMac{0x02, 0x65, 0x70, 0x61, 0x00, 0x00};
constexpr MacAddress kInsideMac{0x02, 0x65, 0x70, 0x61, 0x00, 0x01};

/// Link-local and documentation networks (RFC 3927, 5737, 2544); a unique local one (RFC 4193) and
/// documentation (RFC 3849).
constexpr const char* kCandidatesV4[] = {"169.254.231.0/30", "192.0.2.228/30", "198.18.231.0/30",
                                         "203.0.113.228/30"};
constexpr const char* kCandidatesV6[] = {"fd65:7061:756c:6574::/126", "2001:db8:6570:6175::/126"};

IpAddress host(const IpNetwork& network, std::uint8_t number) {
  auto bytes = network.address.bytes();
  auto& last = bytes[network.address.is_v4() ? 3 : 15];
  last = static_cast<std::uint8_t>(last + number);
  return address_from(network.address.is_v4(), bytes);
}

bool overlap(const IpNetwork& a, const IpNetwork& b) {
  return a.contains(b.address) || b.contains(a.address);
}

ifinfomsg bring_up(const char* interface) {
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(::if_nametoindex(interface));  // 0: one to be made
  body.ifi_flags = IFF_UP;
  body.ifi_change = IFF_UP;
  return body;
}

}  // namespace

std::optional<ScaffoldAddresses> choose_addresses(const RedirectOptions& options, const Pod& pod,
                                                  bool v4) {
  for (const char* text : v4 ? std::span<const char* const>(kCandidatesV4)
                             : std::span<const char* const>(kCandidatesV6)) {
    const auto candidate = *IpNetwork::parse(text);
    const auto overlaps = [&](const IpNetwork& other) { return overlap(candidate, other); };
    const auto& excluded = options.exclude_outbound_networks;
    if (std::any_of(excluded.begin(), excluded.end(), overlaps)) continue;
    if (overlaps(options.virtual_v4) || overlaps(options.virtual_v6)) continue;
    if (std::any_of(pod.addresses.begin(), pod.addresses.end(),
                    [&](const auto& entry) { return candidate.contains(entry.address); })) {
      continue;
    }
    return ScaffoldAddresses{host(candidate, 1), host(candidate, 2)};
  }
  return std::nullopt;
}

OrFailure<std::unique_ptr<Scaffold>> Scaffold::build(const RedirectOptions& options,
                                                     const Pod& pod) {
  std::unique_ptr<Scaffold> scaffold(new Scaffold);
  int error = scaffold->netlink_.error();
  if (error == 0) {
    scaffold->remove_pair();
    error = scaffold->create_pair();
  }
  if (error != 0) {
    return system_failure("cannot make the interfaces that the rules are tested with", error,
                          "CAP_NET_ADMIN", "virtual Ethernet pairs (module veth)");
  }
  if (error = scaffold->open_injector(); error != 0) {
    return system_failure("cannot send the packets that the rules are tested with", error,
                          "CAP_NET_RAW", "packet sockets (module af_packet)");
  }
  for (const bool v4 : {true, false}) {
    const auto chosen = choose_addresses(options, pod, v4);
    if (!chosen) {
      return Failure{fmt::format("every {} address that the rules could be tested with is excluded",
                                 v4 ? "IPv4" : "IPv6"),
                     "make --exclude-outbound-network narrower"};
    }
    if (error = scaffold->give_address(chosen->own); error == 0) {
      (v4 ? scaffold->v4_ : scaffold->v6_) = chosen;
    } else if (v4) {
      return system_failure("cannot give the test interface an address", error, "CAP_NET_ADMIN",
                            "IPv4");
    }  // IPv6 may be switched off for new interfaces; checks.h decides whether that matters
  }
  return scaffold;
}

Scaffold::~Scaffold() {
  if (injector_ >= 0) ::close(injector_);
  remove_pair();
}

int Scaffold::create_pair() {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, bring_up(kOutside));
  request.put_text(IFLA_IFNAME, kOutside);
  request.put(IFLA_ADDRESS, kOutsideMac);
  const auto info = request.begin(IFLA_LINKINFO);
  request.put_text(IFLA_INFO_KIND, "veth");
  const auto data = request.begin(IFLA_INFO_DATA);
  const auto peer = request.begin(VETH_INFO_PEER);
  const ifinfomsg peer_body{};  // the kernel cannot bring it up before the pair is complete
  request.append(&peer_body, sizeof peer_body);
  request.put_text(IFLA_IFNAME, kInside);
  request.put(IFLA_ADDRESS, kInsideMac);
  request.end(peer);
  request.end(data);
  request.end(info);
  if (const int error = netlink_.ask(request); error != 0) return error;
  NetlinkRequest raise(RTM_NEWLINK, NLM_F_ACK, bring_up(kInside));
  return netlink_.ask(raise);
}

int Scaffold::give_address(const IpAddress& address) {
  ifaddrmsg body{};
  body.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
  body.ifa_prefixlen = address.is_v4() ? 30 : 126;
  body.ifa_flags = IFA_F_NODAD;  // usable at once; nobody else is on this link
  body.ifa_index = ::if_nametoindex(kInside);
  NetlinkRequest request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body);
  const auto bytes = std::span(address.bytes()).first(address.is_v4() ? 4 : 16);
  request.put_bytes(IFA_LOCAL, bytes);
  request.put_bytes(IFA_ADDRESS, bytes);
  if (address.is_v6()) {
    ifa_cacheinfo lifetime{};  // preferred for 0 s: no connection of an app takes it as its source
    lifetime.ifa_valid = 60;   // and after a crash it does not stay
    request.put(IFA_CACHEINFO, lifetime);
  }
  const int error = netlink_.ask(request);
  return error != 0 ? error : wait_until_local(address);
}

/// The kernel adds an IPv6 address at once but the route that makes it local a little later, in a
/// work queue; what is sent to it meanwhile goes out of the interface and is lost.
int Scaffold::wait_until_local(const IpAddress& address) {
  for (int look = 0; look < kLooksMax; ++look) {
    rtmsg body{};
    body.rtm_family = address.is_v4() ? AF_INET : AF_INET6;
    body.rtm_dst_len = address.is_v4() ? 32 : 128;
    NetlinkRequest request(RTM_GETROUTE, NLM_F_ACK, body);
    request.put_bytes(RTA_DST, std::span(address.bytes()).first(address.is_v4() ? 4 : 16));
    std::vector<NetlinkReply> replies;
    const int error = netlink_.ask(request, &replies);
    if (error == 0 && !replies.empty() && replies.front().payload.size() >= sizeof body) {
      std::memcpy(&body, replies.front().payload.data(), sizeof body);
      if (body.rtm_type == RTN_LOCAL) return 0;
    }
    ::poll(nullptr, 0, kLookMilliseconds);
  }
  return ETIMEDOUT;
}

int Scaffold::open_injector() {
  injector_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);  // protocol 0: receives nothing
  if (injector_ < 0) return errno;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(::if_nametoindex(kOutside));
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return ::bind(injector_, generic, sizeof address) == 0 ? 0 : errno;
}

void Scaffold::remove_pair() {
  NetlinkRequest request(RTM_DELLINK, NLM_F_ACK, ifinfomsg{});
  request.put_text(IFLA_IFNAME, kOutside);
  (void)netlink_.ask(request);  // usually there is none
}

void Scaffold::route_outside(const IpNetwork& network) {
  rtmsg body{};
  body.rtm_family = network.address.is_v4() ? AF_INET : AF_INET6;
  body.rtm_dst_len = static_cast<unsigned char>(network.prefix_bits);
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = network.address.is_v4() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, body);
  const auto prefix = masked(network).address;
  request.put_bytes(RTA_DST, std::span(prefix.bytes()).first(prefix.is_v4() ? 4 : 16));
  request.put(RTA_OIF, static_cast<std::uint32_t>(::if_nametoindex(kOutside)));
  request.put(RTA_PRIORITY, std::uint32_t{0x7fffffff});  // behind every other route
  (void)netlink_.ask(request);  // if it fails, the check that needs it does
}

int Scaffold::inject(const Flow& flow, PacketKind kind) {
  const auto frame = ethernet_frame(kOutsideMac, kInsideMac, flow, kind);
  return ::send(injector_, frame.data(), frame.size(), 0) < 0 ? errno : 0;
}

}  // namespace epaulet::redirect

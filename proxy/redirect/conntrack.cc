#include "redirect/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "redirect/options.h"

namespace epaulet::redirect {
namespace {

constexpr std::uint16_t message_type(unsigned message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
}

NetlinkRequest request_about(unsigned message, const Flow& flow) {
  const bool v4 = flow.destination.ip.is_v4();
  nfgenmsg body{};
  body.nfgen_family = v4 ? AF_INET : AF_INET6;
  NetlinkRequest request(message_type(message), NLM_F_ACK, body);
  const auto tuple = request.begin(CTA_TUPLE_ORIG);
  const auto addresses = request.begin(CTA_TUPLE_IP);
  const std::size_t size = v4 ? 4 : 16;
  request.put_bytes(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC,
                    std::span(flow.source.ip.bytes()).first(size));
  request.put_bytes(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST,
                    std::span(flow.destination.ip.bytes()).first(size));
  request.end(addresses);
  const auto transport = request.begin(CTA_TUPLE_PROTO);
  const auto number = flow.transport == Transport::tcp ? IPPROTO_TCP : IPPROTO_UDP;
  request.put(CTA_PROTO_NUM, static_cast<std::uint8_t>(number));
  request.put(CTA_PROTO_SRC_PORT, htons(flow.source.port));
  request.put(CTA_PROTO_DST_PORT, htons(flow.destination.port));
  request.end(transport);
  request.end(tuple);
  return request;
}

/// The source of the entry's reply direction.
std::optional<SocketAddress> reply_source(const NetlinkReply& reply, bool v4) {
  if (reply.payload.size() < sizeof(nfgenmsg)) return std::nullopt;
  const auto entry = std::span(reply.payload).subspan(sizeof(nfgenmsg));
  const auto tuple = find_attribute(entry, CTA_TUPLE_REPLY);
  if (!tuple) return std::nullopt;
  const auto addresses = find_attribute(*tuple, CTA_TUPLE_IP);
  const auto transport = find_attribute(*tuple, CTA_TUPLE_PROTO);
  if (!addresses || !transport) return std::nullopt;
  const auto ip = find_attribute(*addresses, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
  const auto port = find_attribute(*transport, CTA_PROTO_SRC_PORT);
  if (!ip || !port || ip->size() != (v4 ? 4u : 16u) || port->size() != 2) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::copy(ip->begin(), ip->end(), bytes.begin());
  return SocketAddress{address_from(v4, bytes),
                       static_cast<std::uint16_t>((*port)[0] << 8 | (*port)[1])};
}

}  // namespace

OrFailure<std::optional<SocketAddress>> Conntrack::answering(const Flow& flow) {
  int error = socket_.error();
  std::vector<NetlinkReply> replies;
  if (error == 0) {
    auto request = request_about(IPCTNL_MSG_CT_GET, flow);
    error = socket_.ask(request, &replies);
    if (error == ENOENT) return std::optional<SocketAddress>{};
  }
  if (error != 0) {
    return system_failure("cannot ask what became of a connection", error, "CAP_NET_ADMIN",
                          "connection tracking over netlink (module nf_conntrack_netlink)");
  }
  for (const auto& reply : replies) {
    if (auto source = reply_source(reply, flow.destination.ip.is_v4())) return source;
  }
  return std::optional<SocketAddress>{};
}

void Conntrack::forget(const Flow& flow) {
  if (socket_.error() != 0) return;
  auto request = request_about(IPCTNL_MSG_CT_DELETE, flow);
  (void)socket_.ask(request);
}

}  // namespace epaulet::redirect

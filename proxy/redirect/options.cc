#include "redirect/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace epaulet::redirect {
namespace {

template <class T>
bool holds(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

template <class T>
std::vector<T> without_repeats(std::vector<T> list) {
  std::vector<T> out;
  for (const auto& value : list) {
    if (!holds(out, value)) out.push_back(value);
  }
  return out;
}

}  // namespace

std::vector<std::uint32_t> RedirectOptions::exempt_uids() const {
  std::vector<std::uint32_t> all{uid};
  all.insert(all.end(), exclude_uids.begin(), exclude_uids.end());
  return without_repeats(std::move(all));
}

std::vector<std::uint16_t> RedirectOptions::direct_ports() const {
  std::vector<std::uint16_t> all(std::begin(kDirectPorts), std::end(kDirectPorts));
  all.insert(all.end(), exclude_inbound_ports.begin(), exclude_inbound_ports.end());
  return without_repeats(std::move(all));
}

std::vector<std::uint16_t> RedirectOptions::included_inbound_ports() const {
  const auto direct = direct_ports();
  auto ports = without_repeats(include_inbound_ports);
  std::erase_if(ports, [&direct](std::uint16_t port) { return holds(direct, port); });
  return ports;
}

IpNetwork masked(const IpNetwork& network) {
  auto bytes = network.address.bytes();
  const unsigned size = network.address.is_v4() ? 4 : 16;
  for (unsigned i = 0; i < size; ++i) {
    const unsigned kept = network.prefix_bits > i * 8 ? network.prefix_bits - i * 8 : 0;
    if (kept < 8) bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> kept));
  }
  return {address_from(network.address.is_v4(), bytes), network.prefix_bits};
}

IpAddress address_from(bool is_v4, const std::array<std::uint8_t, 16>& bytes) {
  if (!is_v4) return IpAddress::v6(bytes);
  return IpAddress::v4(static_cast<std::uint32_t>(bytes[0]) << 24 |
                       static_cast<std::uint32_t>(bytes[1]) << 16 |
                       static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]);
}

namespace {

/// What is listed on both sides, and what is listed in vain.
template <class Say>
void contradicting_lists(const RedirectOptions& options, Say&& say) {
  for (const auto port : options.include_inbound_ports) {
    if (holds(options.direct_ports(), port)) {
      say(fmt::format("--include-inbound-port {} is one that reaches its listener directly", port));
    }
  }
  for (const auto port : options.include_outbound_ports) {
    if (holds(options.exclude_outbound_ports, port)) {
      say(fmt::format("port {} is given to --include-outbound-port and to --exclude-outbound-port",
                      port));
    }
  }
  for (const auto uid : options.include_uids) {
    if (holds(options.exempt_uids(), uid)) {
      say(fmt::format("--include-uid {} is a user that is never redirected", uid));
    }
  }
}

}  // namespace

std::vector<std::string> contradictions(const RedirectOptions& options) {
  std::vector<std::string> found;
  const auto say = [&found](std::string text) { found.push_back(std::move(text)); };

  if (options.uid == 0) {
    say("--uid 0: root must not be exempt; run the proxy as a user of its own, 1337 by default");
  }
  if (options.outbound_port == 0 || options.inbound_port == 0 || options.dns_port == 0) {
    say("port 0 is not a port to redirect to");
  }
  if (options.outbound_port == options.inbound_port) {
    say(fmt::format("--outbound-port and --inbound-port are both {}", options.outbound_port));
  }
  if (options.dns_port == options.outbound_port || options.dns_port == options.inbound_port) {
    say(fmt::format("--dns-port {} is taken by another listener", options.dns_port));
  }
  if (holds(options.direct_ports(), options.inbound_port)) {
    say(fmt::format("--inbound-port {} would not be redirected itself", options.inbound_port));
  }
  if (holds(options.exclude_outbound_ports, kDnsPort)) {
    say("--exclude-outbound-port 53 does nothing: names are always resolved in the pod; use "
        "--exclude-uid for a process that must not be");
  }
  for (const auto* list : {&options.exclude_inbound_ports, &options.exclude_outbound_ports,
                           &options.include_inbound_ports, &options.include_outbound_ports,
                           &options.allow_udp_ports}) {
    if (holds(*list, std::uint16_t{0})) say("port 0 cannot be listed");
  }
  contradicting_lists(options, say);
  if (!options.virtual_v4.address.is_v4() || options.virtual_v4.prefix_bits == 0) {
    say("--virtual-v4 must be an IPv4 network, for example 240.0.0.0/4");
  }
  if (!options.virtual_v6.address.is_v6() || options.virtual_v6.prefix_bits == 0) {
    say("--virtual-v6 must be an IPv6 network, for example fd00:e9a0::/32");
  }
  for (const auto& network : options.exclude_outbound_networks) {
    if (network.prefix_bits == 0) {
      say(fmt::format("--exclude-outbound-network {} would exclude everything",
                      network.to_string()));
    }
  }
  for (const auto size :
       {options.exclude_uids.size(), options.exclude_inbound_ports.size(),
        options.exclude_outbound_ports.size(), options.exclude_outbound_networks.size(),
        options.include_uids.size(), options.include_inbound_ports.size(),
        options.include_outbound_ports.size(), options.include_outbound_networks.size(),
        options.allow_udp_ports.size()}) {
    if (size > kListMax)
      say(fmt::format("an option is given {} times, at most {}", size, kListMax));
  }
  return found;
}

}  // namespace epaulet::redirect

#include "redirect/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "redirect/failure.h"

namespace epaulet::redirect {
namespace {

/// The first address in `network` that a host may have.
IpAddress member_of(const IpNetwork& network) {
  const bool v4 = network.address.is_v4();
  auto bytes = masked(network).address.bytes();
  if (network.prefix_bits < (v4 ? 32u : 128u)) {
    auto& last = bytes[v4 ? 3 : 15];
    last = static_cast<std::uint8_t>(last | 1);
  }
  return address_from(v4, bytes);
}

/// Builds the probes of one family; each function covers one chain of the rules.
class Planner {
 public:
  Planner(const RedirectOptions& options, const ProbeField& field)
      : options_(options),
        field_(field),
        family_(field.v4 ? "ipv4" : "ipv6"),
        loopback_(*IpAddress::parse(field.v4 ? "127.0.0.1" : "::1")),
        app_(app_uid(options)) {}

  void outbound() {
    for (const auto uid : options_.exempt_uids()) {
      dial(fmt::format("exempt-uid-{}", uid), uid, Transport::tcp, own(field_.decoy_port));
      dial(fmt::format("exempt-uid-{}-dns", uid), uid, Transport::udp, own(kDnsPort));
    }
    if (!options_.include_uids.empty()) {
      const auto uid = other_uid(options_);
      dial("include-uid-others", uid, Transport::tcp, own(field_.decoy_port));
      dial("include-uid-others-dns", uid, Transport::udp, own(kDnsPort));
    }
    dial("loopback", app_, Transport::tcp, {loopback_, field_.decoy_port});
    for (const auto& server : options_.loopback_nameservers) {
      if (server.is_v4() != field_.v4) continue;
      for (const auto transport : {Transport::udp, Transport::tcp}) {
        redirect(fmt::format("dns-loopback-{}-{}", server.to_string(), word(transport)), transport,
                 {server, kDnsPort}, options_.dns_port);
      }
    }
    redirect("dns-udp", Transport::udp, own(kDnsPort), options_.dns_port);
    redirect("dns-tcp", Transport::tcp, own(kDnsPort), options_.dns_port);
    for (const auto& network : options_.exclude_outbound_networks) {
      if (network.address.is_v4() != field_.v4) continue;
      dial(fmt::format("exclude-outbound-network-{}", network.to_string()), app_, Transport::tcp,
           {member_of(network), field_.decoy_port});
      probes_.back().outside = true;
    }
    for (const auto port : options_.exclude_outbound_ports) {
      dial(fmt::format("exclude-outbound-port-{}", port), app_, Transport::tcp, own(port));
    }
    included();
  }

  /// What no exclusion lets go.
  void included() {
    const auto to = options_.outbound_port;
    if (!options_.includes_outbound()) {
      redirect("outbound-tcp", Transport::tcp, own(field_.decoy_port), to);
      return;
    }
    bool others = true;
    for (const auto& network : options_.include_outbound_networks) {
      if (network.address.is_v4() != field_.v4) continue;
      others = others && !network.contains(field_.addresses.own);
      redirect(fmt::format("include-outbound-network-{}", network.to_string()), Transport::tcp,
               {member_of(network), field_.decoy_port}, to);
      probes_.back().outside = true;
    }
    for (const auto port : options_.include_outbound_ports) {
      redirect(fmt::format("include-outbound-port-{}", port), Transport::tcp, own(port), to);
    }
    if (others) dial("include-outbound-others", app_, Transport::tcp, own(field_.decoy_port));
  }

  void virtual_addresses() {
    redirect("virtual-tcp", Transport::tcp, virtual_destination(), options_.outbound_port);
    // Where a decoy listens: unless it is refused, IPv4 is delivered to it.
    const SocketAddress there{member_of(field_.v4 ? options_.virtual_v4 : options_.virtual_v6),
                              field_.decoy_port};
    refuse("virtual-reject-tcp", options_.uid, Transport::tcp, there);
    refuse("virtual-reject-udp", app_, Transport::udp, there);
  }

  void inbound() {
    for (const auto port : options_.direct_ports()) {
      from_outside(fmt::format("inbound-direct-{}", port), Transport::tcp, port, Fate::untouched);
    }
    const auto included = options_.included_inbound_ports();
    for (const auto port : included) {
      from_outside(fmt::format("inbound-tcp-{}", port), Transport::tcp, port, Fate::redirected);
      probes_.back().answered_by = own(options_.inbound_port);
    }
    from_outside(included.empty() ? "inbound-tcp" : "inbound-others", Transport::tcp,
                 field_.decoy_port, included.empty() ? Fate::redirected : Fate::untouched);
    if (included.empty()) probes_.back().answered_by = own(options_.inbound_port);
    for (const auto port : options_.allow_udp_ports) {
      from_outside(fmt::format("inbound-udp-allow-{}", port), Transport::udp, port,
                   Fate::untouched);
    }
    from_outside("inbound-udp", Transport::udp, field_.decoy_port, Fate::dropped);
  }

  void closed() {
    from_outside("inbound-ipv6-off", Transport::tcp, field_.decoy_port, Fate::dropped);
    // The reset that answers TCP does not reach a socket bound to the outside interface, so all
    // that is seen of it is that nothing leaves.
    const SocketAddress there{field_.addresses.neighbour, field_.decoy_port};
    add("outbound-ipv6-off-tcp", app_, Transport::tcp, there, Fate::dropped).outside = true;
    add("outbound-ipv6-off-udp", app_, Transport::udp, there, Fate::refused).outside = true;
  }

  [[nodiscard]] std::vector<Probe> take() { return std::move(probes_); }

 private:
  static const char* word(Transport transport) {
    return transport == Transport::tcp ? "tcp" : "udp";
  }
  /// A virtual address and port that an exclusion covers, if any does: only there the rule for
  /// virtual addresses differs from the one for all others.
  [[nodiscard]] SocketAddress virtual_destination() const {
    auto network = field_.v4 ? options_.virtual_v4 : options_.virtual_v6;
    for (const auto& excluded : options_.exclude_outbound_networks) {
      if (network.contains(excluded.address) && excluded.prefix_bits > network.prefix_bits) {
        network = excluded;
      }
    }
    const auto& ports = options_.exclude_outbound_ports;
    return {member_of(network), ports.empty() ? field_.decoy_port : ports.front()};
  }
  [[nodiscard]] SocketAddress own(std::uint16_t port) const { return {field_.addresses.own, port}; }

  Probe& add(const std::string& rule, std::optional<std::uint32_t> uid, Transport transport,
             const SocketAddress& destination, Fate fate) {
    Probe probe;
    probe.name = rule + "/" + family_;
    probe.uid = uid;
    probe.transport = transport;
    probe.destination = destination;
    probe.fate = fate;
    return probes_.emplace_back(std::move(probe));
  }
  void dial(const std::string& rule, std::uint32_t uid, Transport transport,
            const SocketAddress& destination) {
    add(rule, uid, transport, destination, Fate::untouched);
  }
  void redirect(const std::string& rule, Transport transport, const SocketAddress& destination,
                std::uint16_t port) {
    add(rule, app_, transport, destination, Fate::redirected).answered_by = {loopback_, port};
  }
  void refuse(const std::string& rule, std::uint32_t uid, Transport transport,
              const SocketAddress& destination) {
    add(rule, uid, transport, destination, Fate::refused);
  }
  void from_outside(const std::string& rule, Transport transport, std::uint16_t port, Fate fate) {
    add(rule, std::nullopt, transport, own(port), fate);
  }

  const RedirectOptions& options_;
  const ProbeField& field_;
  std::string family_;
  IpAddress loopback_;
  std::uint32_t app_;
  std::vector<Probe> probes_;
};

std::string subject(const Probe& probe) {
  const auto who = probe.uid ? fmt::format("from uid {}", *probe.uid) : "from outside";
  return fmt::format("{} {} to {}", probe.transport == Transport::tcp ? "TCP" : "UDP", who,
                     probe.destination.to_string());
}

std::string happened(const Probe& probe, const Observation& seen) {
  if (seen.answered_by == probe.destination) return "is not redirected";
  if (seen.answered_by) return "goes to " + seen.answered_by->to_string();
  if (seen.error == ECONNREFUSED || (seen.error == EPERM && probe.transport == Transport::udp)) {
    return "is refused";
  }
  if (seen.error != 0) return "fails: " + errno_text(seen.error);
  return "is lost";
}

std::string expected(const Probe& probe) {
  switch (probe.fate) {
    case Fate::redirected:
      return "should go to " + probe.answered_by.to_string();
    case Fate::untouched:
      return "should reach its destination";
    case Fate::refused:
      return "should be refused at once";
    case Fate::dropped:
      return "should be dropped";
  }
  return "";
}

bool refused(const Probe& probe, const Observation& seen) {
  const int refusal = probe.transport == Transport::tcp ? ECONNREFUSED : EPERM;
  return !seen.answered_by && seen.error == refusal;
}

/// A proxy that runs may end a connection that is of no use to it before we look. It was accepted:
/// who dials in vain hears ECONNREFUSED.
bool was_accepted(const Probe& probe, const Observation& seen) {
  return seen.error == 0 ||
         (probe.transport == Transport::tcp && (seen.error == ECONNRESET || seen.error == EPIPE));
}

bool as_expected(const Probe& probe, const Observation& seen) {
  switch (probe.fate) {
    case Fate::redirected:
      return seen.answered_by == probe.answered_by && was_accepted(probe, seen);
    case Fate::untouched:
      return seen.answered_by == probe.destination && was_accepted(probe, seen);
    case Fate::refused:
      return refused(probe, seen);
    case Fate::dropped:
      return seen.path_works && !seen.answered_by;
  }
  return false;
}

}  // namespace

std::uint32_t app_uid(const RedirectOptions& options) {
  return options.include_uids.empty() ? other_uid(options) : options.include_uids.front();
}

std::uint32_t other_uid(const RedirectOptions& options) {
  constexpr std::uint32_t kNobody = 65534;
  auto listed = options.exempt_uids();
  listed.insert(listed.end(), options.include_uids.begin(), options.include_uids.end());
  auto uid = kNobody;
  while (std::find(listed.begin(), listed.end(), uid) != listed.end()) --uid;
  return uid;
}

std::vector<Probe> plan(const RedirectOptions& options, const ProbeField& field) {
  Planner planner(options, field);
  planner.outbound();
  planner.virtual_addresses();
  planner.inbound();
  return planner.take();
}

std::vector<Probe> plan_closed(const RedirectOptions& options, const ProbeField& field) {
  Planner planner(options, field);
  planner.closed();
  return planner.take();
}

Check judge(const Probe& probe, const Observation& seen) {
  if (as_expected(probe, seen)) {
    return {probe.name, true, subject(probe) + " " + happened(probe, seen)};
  }
  if (probe.fate == Fate::dropped && !seen.path_works) {
    return {probe.name, false,
            subject(probe) + " should be dropped, but no packet from outside got through at all"};
  }
  return {probe.name, false,
          fmt::format("{} {}, but {}", subject(probe), expected(probe), happened(probe, seen))};
}

}  // namespace epaulet::redirect

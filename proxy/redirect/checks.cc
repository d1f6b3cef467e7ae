#include "redirect/checks.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "redirect/backend.h"
#include "redirect/conntrack.h"
#include "redirect/dial.h"
#include "redirect/guard_check.h"
#include "redirect/scaffold.h"
#include "redirect/stand_in.h"

namespace epaulet::redirect {
namespace {

// A packet put into the scaffold is received by the kernel's next soft interrupt.
constexpr int kLookMilliseconds = 2;
constexpr int kLooksMax = 250;
constexpr std::uint16_t kNeighbourPort = 40000;  // the first of one port for each packet

/// One check at a time in a network namespace: the scaffold's names exist once. An abstract unix
/// address is per namespace and vanishes with its process.
class OnlyOne {
 public:
  OnlyOne() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    constexpr char kName[] = "\0epaulet-redirect";
    std::memcpy(address.sun_path, kName, sizeof kName - 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + sizeof kName - 1);
    alone_ = ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length) == 0;
  }
  ~OnlyOne() { ::close(fd_); }
  OnlyOne(const OnlyOne&) = delete;
  OnlyOne& operator=(const OnlyOne&) = delete;
  [[nodiscard]] bool alone() const { return alone_; }

 private:
  int fd_;
  bool alone_ = false;
};

class Trial {
 public:
  Trial(const RedirectOptions& options, Scaffold& scaffold)
      : options_(options), scaffold_(scaffold), stand_ins_(options.uid) {}

  OrFailure<std::vector<Check>> run(bool ipv6) {
    listen_for_proxy(ipv6);
    if (auto ready = prepare(true, false); !ready) return ready.error();
    if (scaffold_.addresses(false)) {
      if (auto ready = prepare(false, !ipv6); !ready) return ready.error();
    }
    if (auto dialled = dial_all(); !dialled) return dialled.error();
    if (auto seen = inject_all(); !seen) return seen.error();
    for (const auto& flow : flows_) conntrack_.forget(flow);
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      checks_.push_back(judge(probes_[i], seen_[i]));
    }
    for (const bool v4 : {true, false}) {
      if (!v4 && !ipv6) continue;
      if (const auto& addresses = scaffold_.addresses(v4)) {
        checks_.push_back(
            check_guard(scaffold_, *addresses, guarded_port(options_), standing_guard()));
      }
    }
    return std::move(checks_);
  }

 private:
  /// Stands in for the proxy, or finds out which of its listeners a running one lacks.
  void listen_for_proxy(bool ipv6) {
    std::vector<SocketAddress> wanted;
    for (const bool v4 : {true, false}) {
      if (!v4 && !ipv6) continue;
      const auto loopback = *IpAddress::parse(v4 ? "127.0.0.1" : "::1");
      wanted.push_back({loopback, options_.outbound_port});
      wanted.push_back({loopback, options_.dns_port});
      if (const auto& addresses = scaffold_.addresses(v4)) {
        wanted.push_back({addresses->own, options_.inbound_port});
      }
    }
    std::vector<SocketAddress> absent;
    for (const auto& address : wanted) {
      if (stand_ins_.open(address) != StandIns::Opened::theirs) absent.push_back(address);
    }
    const bool proxy_is_up = absent.size() < wanted.size();
    if (!proxy_is_up) return;
    for (const auto& address : wanted) {
      if (address.port != options_.dns_port) continue;
      if (!udp_is_taken(address)) report_absent("udp", address);
    }
    for (const auto& address : absent) report_absent("tcp", address);
  }

  void report_absent(const char* transport, const SocketAddress& address) {
    checks_.push_back({fmt::format("listener-{}-{}/{}", transport, address.port,
                                   address.ip.is_v4() ? "ipv4" : "ipv6"),
                       false,
                       fmt::format("the proxy is up but does not listen on {} ({})",
                                   address.to_string(), transport)});
  }

  OrFailure<void> prepare(bool v4, bool closed) {
    auto avoid = options_.direct_ports();
    for (const auto* list : {&options_.exclude_outbound_ports, &options_.include_outbound_ports,
                             &options_.include_inbound_ports, &options_.allow_udp_ports}) {
      avoid.insert(avoid.end(), list->begin(), list->end());
    }
    ProbeField field;
    field.v4 = v4;
    field.addresses = *scaffold_.addresses(v4);
    field.decoy_port = stand_ins_.open_decoy(v4, avoid);
    if (field.decoy_port == 0) {
      return Failure{"cannot listen on a port to try the rules with: " + errno_text(errno), ""};
    }
    for (auto& probe : closed ? plan_closed(options_, field) : plan(options_, field)) {
      // Somebody must accept, else the reset removes the connection before we look at it.
      if (probe.transport == Transport::tcp && probe.fate == Fate::untouched && !probe.outside &&
          probe.destination.port != field.decoy_port) {
        (void)stand_ins_.open(probe.destination);
      }
      if (probe.outside) scaffold_.route_outside({probe.destination.ip, v4 ? 32u : 128u});
      probes_.push_back(std::move(probe));
    }
    seen_.resize(probes_.size());
    flows_.resize(probes_.size());
    return {};
  }

  /// One child for each user, all of whose flows are open when we look.
  OrFailure<void> dial_all() {
    std::map<std::uint32_t, std::vector<std::size_t>> by_uid;
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (probes_[i].uid) by_uid[*probes_[i].uid].push_back(i);
    }
    for (const auto& [uid, indices] : by_uid) {
      std::vector<Dial> dials;
      for (const auto index : indices) {
        const auto& probe = probes_[index];
        dials.push_back({probe.transport, probe.destination,
                         probe.outside && probe.fate != Fate::redirected ? Scaffold::outside()
                                                                         : std::string()});
      }
      const auto dialled = DialledAs::dial(uid, dials);
      if (!dialled) return dialled.error();
      for (std::size_t i = 0; i < indices.size(); ++i) {
        const auto& result = dialled->results()[i];
        const auto index = indices[i];
        flows_[index] = {dials[i].transport, result.source, dials[i].destination};
        seen_[index].error = result.error;
      }
      if (auto looked = look_at(indices); !looked) return looked.error();
    }
    return {};
  }

  OrFailure<void> inject_all() {
    auto port = kNeighbourPort;
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      const auto& probe = probes_[i];
      if (probe.uid) continue;
      const auto& neighbour = scaffold_.addresses(probe.destination.ip.is_v4())->neighbour;
      flows_[i] = {probe.transport, {neighbour, port++}, probe.destination};
      conntrack_.forget(flows_[i]);
      seen_[i].error = scaffold_.inject(flows_[i], PacketKind::first);
    }
    const auto looked = look_from_outside();
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (probes_[i].uid) continue;
      if (probes_[i].transport == Transport::tcp) {
        (void)scaffold_.inject(flows_[i], PacketKind::reset);
      }
    }
    return looked;
  }

  /// Waits for what should arrive; only then is the absence of the rest worth something.
  OrFailure<void> look_from_outside() {
    std::vector<std::size_t> awaited;
    std::vector<std::size_t> unwanted;
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (!probes_[i].uid) (probes_[i].fate == Fate::dropped ? unwanted : awaited).push_back(i);
    }
    for (int look = 0; look < kLooksMax && !awaited.empty(); ++look) {
      if (look > 0) ::poll(nullptr, 0, kLookMilliseconds);
      if (auto looked = look_at(awaited); !looked) return looked.error();
      std::erase_if(awaited, [this](auto index) { return seen_[index].answered_by.has_value(); });
    }
    if (auto looked = look_at(unwanted); !looked) return looked.error();
    const bool path_works = something_arrived();
    for (const auto index : unwanted) seen_[index].path_works = path_works;
    return {};
  }

  OrFailure<void> look_at(const std::vector<std::size_t>& indices) {
    for (const auto index : indices) {
      const auto answering = conntrack_.answering(flows_[index]);
      if (!answering) return answering.error();
      seen_[index].answered_by = *answering;
    }
    return {};
  }

  /// Packets of both families take the same path, and IPv6 may be closed altogether.
  [[nodiscard]] bool something_arrived() const {
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (!probes_[i].uid && probes_[i].fate != Fate::dropped && seen_[i].answered_by) return true;
    }
    return false;
  }

  const RedirectOptions& options_;
  Scaffold& scaffold_;
  StandIns stand_ins_;
  Conntrack conntrack_;
  std::vector<Probe> probes_;
  std::vector<Observation> seen_;
  std::vector<Flow> flows_;
  std::vector<Check> checks_;
};

}  // namespace

OrFailure<std::vector<Check>> check_rules(const RedirectOptions& options, const Pod& pod) {
  const OnlyOne only_one;
  if (!only_one.alone()) {
    return Failure{"another `epaulet redirect` is trying the rules of this pod",
                   "wait for it to end"};
  }
  auto scaffold = Scaffold::build(options, pod);
  if (!scaffold) return scaffold.error();
  const bool ipv6 = wants_ipv6(pod, options);
  if (ipv6 && !(*scaffold)->addresses(false)) {
    if (options.ipv6 == Ipv6Mode::on || global_ipv6(pod)) {
      return Failure{"IPv6 cannot be tried: a new interface does not get an IPv6 address",
                     "sysctl net.ipv6.conf.default.disable_ipv6=0, or close IPv6 with --ipv6 off"};
    }
  }
  auto checks = Trial(options, **scaffold).run(ipv6);
  // A busy machine may lose a first packet on a new link; a rule that is wrong fails again.
  const auto failed = [](const Check& check) { return !check.ok; };
  if (checks && std::any_of(checks->begin(), checks->end(), failed)) {
    checks = Trial(options, **scaffold).run(ipv6);
  }
  return checks;
}

}  // namespace epaulet::redirect

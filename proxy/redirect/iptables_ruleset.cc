#include "redirect/iptables_ruleset.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

namespace epaulet::redirect {
namespace {

constexpr const char* kOutbound = "EPAULET_OUTBOUND";
constexpr const char* kIncluded = "EPAULET_INCLUDED";  // what of kOutbound is for some users only
constexpr const char* kInbound = "EPAULET_INBOUND";
constexpr const char* kGuard = "EPAULET_GUARD";
constexpr const char* kUnreachable = "EPAULET_UNREACHABLE";

/// Transports that carry an application's data and that we cannot see into: UDP, UDP-Lite, SCTP and
/// DCCP (IANA's protocol numbers, which need no /etc/protocols).
constexpr int kUnseen[] = {17, 136, 132, 33};
constexpr int kTransports[] = {6, 17, 136, 132, 33};
constexpr std::size_t kMultiportMax = 15;  // of `-m multiport`
constexpr const char* kNotEstablished = "-m conntrack --ctstate NEW,INVALID,UNTRACKED";

/// Writes rules into the chain that was opened last.
class Script {
 public:
  Script(const RedirectOptions& options, bool v4, const SavedRules& saved)
      : options_(options), v4_(v4), saved_(saved) {}

  using Jumps = std::vector<std::pair<const char*, const char*>>;
  /// `jumps`: from which hook to which chain of ours; one without a hook is called by another.
  void table(const char* name, const Jumps& jumps) {
    text_ += fmt::format("*{}\n", name);
    for (const auto& [hook, chain] : jumps) text_ += fmt::format(":{} - [0:0]\n", chain);
    if (const auto* standing = saved_.table(name)) {
      for (const auto& chain : standing->chains) {
        const auto same = [&chain](const auto& jump) { return jump.second == chain; };
        if (std::any_of(jumps.begin(), jumps.end(), same)) continue;
        text_ += fmt::format(":{} - [0:0]\n", chain);
        gone_.push_back(chain);
      }
      for (const auto& jump : standing->jumps) text_ += fmt::format("-D {}\n", jump);
    }
    for (const auto& [hook, chain] : jumps) {
      if (hook != nullptr) text_ += fmt::format("-I {} 1 -j {}\n", hook, chain);
    }
  }
  void chain(const char* name) { chain_ = name; }
  /// `match` may be "", and `name` for a rule that has no check.
  void rule(std::string_view match, std::string_view name, std::string_view target) {
    text_ += fmt::format("-A {} ", chain_);
    if (!match.empty()) text_ += fmt::format("{} ", match);
    if (!name.empty()) text_ += fmt::format("-m comment --comment {} ", name);
    text_ += fmt::format("-j {}\n", target);
  }
  void redirect(std::string_view match, std::string_view name, std::uint16_t port) {
    rule(match, name, fmt::format("REDIRECT --to-ports {}", port));
  }
  /// `also` is a further match, or "".
  void ports(const char* protocol, const std::vector<std::uint16_t>& list, const char* name,
             std::string_view target = "RETURN", std::string_view also = "") {
    for (std::size_t start = 0; start < list.size(); start += kMultiportMax) {
      const auto part =
          std::span(list).subspan(start, std::min(kMultiportMax, list.size() - start));
      rule(fmt::format("-p {} -m multiport --dports {}{}{}", protocol, fmt::join(part, ","),
                       also.empty() ? "" : " ", also),
           name, target);
    }
  }
  void commit() {
    for (const auto& chain : gone_) text_ += fmt::format("-X {}\n", chain);
    gone_.clear();
    text_ += "COMMIT\n";
  }

  [[nodiscard]] const RedirectOptions& options() const { return options_; }
  [[nodiscard]] bool v4() const { return v4_; }
  [[nodiscard]] bool closed() const { return !v4_ && options_.ipv6 == Ipv6Mode::off; }
  [[nodiscard]] const IpNetwork& virtual_range() const {
    return v4_ ? options_.virtual_v4 : options_.virtual_v6;
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  const RedirectOptions& options_;
  bool v4_;
  const SavedRules& saved_;
  const char* chain_ = "";
  std::vector<std::string> gone_;  // chains of ours that an earlier installation needed
  std::string text_;
};

std::string to(const IpNetwork& network) {
  return "-d " + masked(network).to_string();
}

void exempt(Script& out, const char* name) {
  for (const auto uid : out.options().exempt_uids()) {
    out.rule(fmt::format("-m owner --uid-owner {}", uid), name, "RETURN");
  }
}

/// TCP that no exclusion has let go: all of it, or what is included.
void redirect_the_rest(Script& out) {
  const auto& options = out.options();
  const auto port = options.outbound_port;
  if (!options.includes_outbound()) out.redirect("-p tcp", "outbound-tcp", port);
  for (const auto& included : options.include_outbound_networks) {
    if (included.address.is_v4() != out.v4()) continue;
    out.redirect(to(included) + " -p tcp", "include-outbound-network", port);
  }
  out.ports("tcp", options.include_outbound_ports, "include-outbound-port",
            fmt::format("REDIRECT --to-ports {}", port));
}

/// What leaves an app. See nft_ruleset.cc for the order.
void outbound(Script& out) {
  const auto& options = out.options();
  out.chain(kOutbound);
  if (out.closed()) return;
  exempt(out, "exempt-uid");
  if (!options.include_uids.empty()) {
    for (const auto uid : options.include_uids) {
      out.rule(fmt::format("-m owner --uid-owner {}", uid), "include-uid", kIncluded);
    }
    out.chain(kIncluded);
  }
  for (const auto& server : options.loopback_nameservers) {
    if (server.is_v4() != out.v4()) continue;
    for (const char* protocol : {"tcp", "udp"}) {
      out.redirect(fmt::format("-d {} -p {} --dport {}", server.to_string(), protocol, kDnsPort),
                   "dns-loopback", options.dns_port);
    }
  }
  out.rule(out.v4() ? "-d 127.0.0.0/8" : "-d ::1/128", "loopback", "RETURN");
  out.redirect("-p udp --dport 53", "dns-udp", options.dns_port);
  out.redirect("-p tcp --dport 53", "dns-tcp", options.dns_port);
  out.redirect(to(out.virtual_range()) + " -p tcp", "virtual-tcp", options.outbound_port);
  for (const auto& excluded : options.exclude_outbound_networks) {
    if (excluded.address.is_v4() != out.v4()) continue;
    out.rule(to(excluded), "exclude-outbound-network", "RETURN");
  }
  out.ports("tcp", options.exclude_outbound_ports, "exclude-outbound-port");
  redirect_the_rest(out);
}

/// What reaches the pod from outside.
void inbound(Script& out) {
  out.chain(kInbound);
  if (out.closed()) return;
  out.rule("-i lo", "", "RETURN");
  out.ports("tcp", out.options().direct_ports(), "inbound-direct");
  const auto included = out.options().included_inbound_ports();
  const auto port = out.options().inbound_port;
  if (included.empty()) out.redirect("-p tcp", "inbound-tcp", port);
  out.ports("tcp", included, "inbound-tcp", fmt::format("REDIRECT --to-ports {}", port));
}

/// What must not reach a socket of the pod, after NAT.
void guard(Script& out) {
  out.chain(kGuard);
  out.rule("-i lo", "", "RETURN");
  if (out.closed()) {
    for (const auto protocol : kTransports) {
      out.rule(fmt::format("-p {} {}", protocol, kNotEstablished), "inbound-ipv6-off", "DROP");
    }
    return;
  }
  const auto included = out.options().included_inbound_ports();
  if (included.empty()) {
    auto reachable = out.options().direct_ports();
    reachable.insert(reachable.begin(), out.options().inbound_port);
    out.ports("tcp", reachable, "");
    out.rule(fmt::format("-p tcp {}", kNotEstablished), "inbound-guard", "DROP");
  }
  out.ports("tcp", included, "inbound-guard", "DROP", kNotEstablished);
  out.ports("udp", out.options().allow_udp_ports, "inbound-udp-allow");
  for (const auto protocol : kUnseen) {
    out.rule(fmt::format("-p {} {}", protocol, kNotEstablished), "inbound-udp", "DROP");
  }
}

/// Virtual addresses that are still there after NAT, and IPv6 if it is closed.
void unreachable(Script& out) {
  constexpr const char* kReset = "REJECT --reject-with tcp-reset";
  const auto* const unreached = out.v4() ? "REJECT --reject-with icmp-port-unreachable"
                                         : "REJECT --reject-with icmp6-port-unreachable";
  out.chain(kUnreachable);
  const auto there = to(out.virtual_range());
  out.rule(there + " -p tcp", "virtual-reject", kReset);
  out.rule(there + " ! -p tcp", "virtual-reject", unreached);
  if (!out.closed()) return;
  out.rule("-o lo", "", "RETURN");
  exempt(out, "");
  // What has no socket is the kernel's: as nft's `skuid` does, leave it alone.
  std::vector<std::string> owners{"--socket-exists"};
  const auto& users = out.options().include_uids;
  if (!users.empty()) owners.clear();
  for (const auto uid : users) owners.push_back(fmt::format("--uid-owner {}", uid));
  for (const auto& owner : owners) {
    for (const auto protocol : kTransports) {
      out.rule(fmt::format("-p {} -m owner {}", protocol, owner), "outbound-ipv6-off",
               protocol == 6 ? kReset : unreached);
    }
  }
}

}  // namespace

std::string iptables_ruleset(const RedirectOptions& options, bool v4, const SavedRules& saved) {
  Script out(options, v4, saved);
  // The guard comes first: between the two transactions a pod is shut, not open.
  out.table("filter", {{"INPUT", kGuard}, {"OUTPUT", kUnreachable}});
  guard(out);
  unreachable(out);
  out.commit();
  Script::Jumps jumps{{"OUTPUT", kOutbound}, {"PREROUTING", kInbound}};
  if (!options.include_uids.empty()) jumps.emplace_back(nullptr, kIncluded);
  out.table("nat", jumps);
  outbound(out);
  inbound(out);
  out.commit();
  return out.take();
}

std::string iptables_removal(const SavedRules& saved) {
  std::string text;
  for (const auto& table : saved.tables) {
    text += fmt::format("*{}\n", table.name);
    for (const auto& chain : table.chains) text += fmt::format(":{} - [0:0]\n", chain);
    for (const auto& jump : table.jumps) text += fmt::format("-D {}\n", jump);
    for (const auto& chain : table.chains) text += fmt::format("-X {}\n", chain);
    text += "COMMIT\n";
  }
  return text;
}

}  // namespace epaulet::redirect

#include "redirect/nft_ruleset.h"

#include <fmt/format.h>

#include <functional>
#include <string_view>

namespace epaulet::redirect {
namespace {

/// Transports that carry an application's data and that we cannot see into.
constexpr std::string_view kUnseen = "{ udp, udplite, sctp, dccp }";
constexpr std::string_view kTransports = "{ tcp, udp, udplite, sctp, dccp }";

template <class List, class Text>
std::string set_of(const List& list, Text&& text) {
  std::string out = "{ ";
  bool first = true;
  for (const auto& element : list) {
    if (!first) out += ", ";
    first = false;
    out += std::invoke(text, element);
  }
  return out + " }";
}

template <class Number>
std::string numbers(const std::vector<Number>& list) {
  return set_of(list, [](Number number) { return std::to_string(number); });
}

std::string_view family_word(const IpAddress& address) {
  return address.is_v4() ? "ip" : "ip6";
}

/// Writes rules, one a line, into the chain it stands in.
class Writer {
 public:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += std::string(depth_ * 2, ' ');
    text_ += fmt::format(format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  void open(std::string_view what) {
    line("{} {{", what);
    ++depth_;
  }
  void close() {
    --depth_;
    line("}}");
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::size_t depth_ = 0;
};

/// TCP that no exclusion has let go: all of it, or what is included.
void redirect_the_rest(Writer& out, const RedirectOptions& options) {
  const auto port = options.outbound_port;
  if (!options.includes_outbound()) {
    out.line("meta l4proto tcp counter redirect to :{} comment \"outbound-tcp\"", port);
  }
  for (const auto& included : options.include_outbound_networks) {
    out.line(
        "{} daddr {} meta l4proto tcp counter redirect to :{} comment \"include-outbound-network\"",
        family_word(included.address), masked(included).to_string(), port);
  }
  if (!options.include_outbound_ports.empty()) {
    out.line("tcp dport {} counter redirect to :{} comment \"include-outbound-port\"",
             numbers(options.include_outbound_ports), port);
  }
}

/// What leaves an app. One before `dstnat`, so that a resolver's own rules (Docker's for
/// 127.0.0.11, say) do not come first; they still serve the exempt users.
void outbound(Writer& out, const RedirectOptions& options) {
  out.open("chain outbound");
  out.line("type nat hook output priority -101; policy accept;");
  out.line("meta skuid {} counter return comment \"exempt-uid\"", numbers(options.exempt_uids()));
  if (!options.include_uids.empty()) {
    out.line("meta skuid != {} return comment \"include-uid\"", numbers(options.include_uids));
  }
  if (options.ipv6 == Ipv6Mode::off) out.line("meta nfproto ipv6 return");
  for (const auto& server : options.loopback_nameservers) {
    out.line(
        "{} daddr {} meta l4proto {{ tcp, udp }} th dport 53 counter redirect to :{} "
        "comment \"dns-loopback\"",
        family_word(server), server.to_string(), options.dns_port);
  }
  out.line("ip daddr 127.0.0.0/8 return comment \"loopback\"");
  out.line("ip6 daddr ::1 return comment \"loopback\"");
  out.line("udp dport 53 counter redirect to :{} comment \"dns-udp\"", options.dns_port);
  out.line("tcp dport 53 counter redirect to :{} comment \"dns-tcp\"", options.dns_port);
  // A virtual address means nothing outside the proxy, so no exclusion applies to it.
  for (const auto& range : {options.virtual_v4, options.virtual_v6}) {
    out.line("{} daddr {} meta l4proto tcp counter redirect to :{} comment \"virtual-tcp\"",
             family_word(range.address), masked(range).to_string(), options.outbound_port);
  }
  for (const auto& excluded : options.exclude_outbound_networks) {
    out.line("{} daddr {} return comment \"exclude-outbound-network\"",
             family_word(excluded.address), masked(excluded).to_string());
  }
  if (!options.exclude_outbound_ports.empty()) {
    out.line("tcp dport {} return comment \"exclude-outbound-port\"",
             numbers(options.exclude_outbound_ports));
  }
  redirect_the_rest(out, options);
  out.close();
}

/// What reaches the pod from outside. Connections over loopback were settled in `outbound`.
void inbound(Writer& out, const RedirectOptions& options) {
  out.open("chain inbound");
  out.line("type nat hook prerouting priority -101; policy accept;");
  out.line("iifname \"lo\" return");
  if (options.ipv6 == Ipv6Mode::off) out.line("meta nfproto ipv6 return");
  out.line("tcp dport {} return comment \"inbound-direct\"", numbers(options.direct_ports()));
  const auto included = options.included_inbound_ports();
  out.line("{} counter redirect to :{} comment \"inbound-tcp\"",
           included.empty() ? "meta l4proto tcp" : "tcp dport " + numbers(included),
           options.inbound_port);
  out.close();
}

/// What must not reach a socket of the pod. It runs after NAT, so every new connection now has one
/// of the ports that may be dialled. A packet that connection tracking calls invalid or does not
/// track is not redirected: without this chain an outsider who keeps his sequence numbers outside
/// the tracked window would talk to the app directly.
void guard(Writer& out, const RedirectOptions& options) {
  auto reachable = options.direct_ports();
  reachable.insert(reachable.begin(), options.inbound_port);
  const auto included = options.included_inbound_ports();
  out.open("chain guard");
  out.line("type filter hook input priority filter; policy accept;");
  out.line("iifname \"lo\" return");
  if (options.ipv6 == Ipv6Mode::off) {
    out.line(
        "meta nfproto ipv6 meta l4proto {} "
        "ct state {{ new, invalid, untracked }} counter drop comment \"inbound-ipv6-off\"",
        kTransports);
  }
  out.line(
      "tcp dport {} ct state {{ new, invalid, untracked }} counter drop "
      "comment \"inbound-guard\"",
      included.empty() ? "!= " + numbers(reachable) : numbers(included));
  if (!options.allow_udp_ports.empty()) {
    out.line("udp dport {} return comment \"inbound-udp-allow\"", numbers(options.allow_udp_ports));
  }
  out.line(
      "meta l4proto {} ct state {{ new, invalid, untracked }} counter drop "
      "comment \"inbound-udp\"",
      kUnseen);
  out.close();
}

/// Refuses what `where` matches so that the sender learns it at once. TCP needs a reset: an ICMP
/// message that comes back within connect() finds the socket locked and is lost.
void refuse(Writer& out, const std::string& where, std::string_view name) {
  out.line("{} meta l4proto tcp counter reject with tcp reset comment \"{}\"", where, name);
  out.line("{} meta l4proto != tcp counter reject with icmpx port-unreachable comment \"{}\"",
           where, name);
}

/// A virtual address that is still there after NAT leads nowhere. Its route ends at `lo`, where the
/// packet would otherwise be delivered to any-address listeners of this pod.
void unreachable(Writer& out, const RedirectOptions& options) {
  out.open("chain unreachable");
  out.line("type filter hook output priority filter; policy accept;");
  for (const auto& range : {options.virtual_v4, options.virtual_v6}) {
    refuse(out, fmt::format("{} daddr {}", family_word(range.address), masked(range).to_string()),
           "virtual-reject");
  }
  if (options.ipv6 == Ipv6Mode::off) {
    const auto users = options.include_uids.empty() ? "!= " + numbers(options.exempt_uids())
                                                    : numbers(options.include_uids);
    refuse(out,
           fmt::format("meta nfproto ipv6 oifname != \"lo\" meta l4proto {} meta skuid {}",
                       kTransports, users),
           "outbound-ipv6-off");
  }
  out.close();
}

}  // namespace

std::string nft_ruleset(const RedirectOptions& options) {
  Writer out;
  out.line("table inet epaulet");
  out.line("delete table inet epaulet");
  out.open("table inet epaulet");
  outbound(out, options);
  inbound(out, options);
  guard(out, options);
  unreachable(out, options);
  out.close();
  return out.take();
}

std::string nft_removal() {
  return "table inet epaulet\ndelete table inet epaulet\n";
}

}  // namespace epaulet::redirect

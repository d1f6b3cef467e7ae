#include "redirect/iptables_complaint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace epaulet::redirect {
namespace {

/// "line 4 failed", "Error occurred at line: 3", "line 3: RULE_APPEND failed".
std::size_t line_number(std::string_view output) {
  for (const std::string_view word : {"line: ", "line "}) {
    const auto found = output.rfind(word);
    if (found == std::string_view::npos) continue;
    std::size_t number = 0;
    const auto* const first = output.data() + found + word.size();
    if (std::from_chars(first, output.data() + output.size(), number).ec == std::errc{}) {
      return number;
    }
  }
  return 0;
}

/// The line of that number, counted from 1; "" if there is none.
std::string_view line_of(std::string_view script, std::size_t number) {
  for (; number > 1 && !script.empty(); --number) {
    script.remove_prefix(std::min(script.find('\n'), script.size() - 1) + 1);
  }
  return number == 0 ? "" : script.substr(0, script.find('\n'));
}

const char* kernel_remedy(Flavour flavour) {
  return flavour == Flavour::nft
             ? "the kernel must have nf_tables and nft_compat with xt_REDIRECT, xt_REJECT, "
               "xt_owner, xt_conntrack, xt_multiport and xt_comment, or try another --backend"
             : "the kernel must have the modules iptable_filter, iptable_nat, ip6table_filter and "
               "ip6table_nat with xt_REDIRECT, ipt_REJECT, ip6t_REJECT, xt_owner, xt_conntrack, "
               "xt_multiport and xt_comment, or try another --backend";
}

std::string remedy(const Iptables& iptables, const ProgramEnd& end) {
  if (end.says("open lock file")) {
    return "mount a writable /run, or name a file that can be written in XTABLES_LOCKFILE";
  }
  if (end.says("xtables lock")) return "another program is changing the rules; try again";
  if (end.says("must be root") || end.says("not permitted") || end.says("Permission denied")) {
    return iptables.flavour == Flavour::nft
               ? "run as root with CAP_NET_ADMIN (in Kubernetes: securityContext.capabilities.add)"
               : "run as root with CAP_NET_ADMIN and CAP_NET_RAW (in Kubernetes: "
                 "securityContext.capabilities.add)";
  }
  if (end.says("Couldn't load")) {
    return "apt-get install iptables: an extension of it is not where it looks for it";
  }
  return kernel_remedy(iptables.flavour);
}

}  // namespace

Failure iptables_complaint(const Iptables& iptables, const std::string& program,
                           const ProgramEnd& end, std::string_view script) {
  auto what =
      fmt::format("{} refused the rules (exit status {}): {}", program, end.status, end.reason());
  const auto line = line_of(script, line_number(end.output));
  if (!line.empty()) what += fmt::format(" | `{}`", line);
  return {std::move(what), remedy(iptables, end)};
}

}  // namespace epaulet::redirect

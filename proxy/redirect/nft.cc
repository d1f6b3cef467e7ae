#include "redirect/nft.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "redirect/nft_ruleset.h"
#include "redirect/program.h"

namespace epaulet::redirect {
namespace {

/// What nft prints if the kernel has no nf_tables.
constexpr std::string_view kNoSupport = "Protocol not supported";

/// A script is one transaction.
OrFailure<ProgramEnd> run(std::string_view script) {
  return run_program({"nft", "-f", "-"}, script, "nftables");
}

Failure complaint(const ProgramEnd& end) {
  auto what = fmt::format("nft refused the rules (exit status {}): {}", end.status, end.reason());
  if (end.says("not permitted")) {
    return {std::move(what),
            "run as root with CAP_NET_ADMIN (in Kubernetes: securityContext.capabilities.add)"};
  }
  return {std::move(what),
          "the kernel must have nf_tables with nat, redirect, reject and conntrack (modules "
          "nft_chain_nat, nft_redir, nft_reject_inet, nft_ct)"};
}

}  // namespace

OrFailure<void> install_with_nft(const RedirectOptions& options) {
  const auto end = run(nft_ruleset(options));
  if (!end) return end.error();
  if (end->status != 0) return complaint(*end);
  return {};
}

OrFailure<void> remove_with_nft() {
  const auto end = run(nft_removal());
  if (!end) return end.error();
  if (end->status == 0 || end->says(kNoSupport)) return {};
  return complaint(*end);
}

std::optional<std::uint64_t> nft_guard_drops() {
  const auto listed =
      run_program({"nft", "list", "chain", "inet", "epaulet", "guard"}, "", "nftables");
  if (!listed || listed->status != 0) return std::nullopt;
  return dropped_by_guard(listed->output);
}

std::optional<std::uint64_t> dropped_by_guard(std::string_view listing) {
  constexpr std::string_view kRule = "comment \"inbound-guard\"";
  constexpr std::string_view kCounter = "counter packets ";
  const auto rule_end = listing.find(kRule);
  if (rule_end == std::string_view::npos) return std::nullopt;
  const auto line_start = listing.rfind('\n', rule_end) + 1;  // npos + 1 is 0
  const auto line = listing.substr(line_start, rule_end - line_start);
  const auto counter = line.find(kCounter);
  if (counter == std::string_view::npos) return std::nullopt;
  std::uint64_t packets = 0;
  const auto* const first = line.data() + counter + kCounter.size();
  const auto [end, error] = std::from_chars(first, line.data() + line.size(), packets);
  if (error != std::errc{} || end == first) return std::nullopt;
  return packets;
}

}  // namespace epaulet::redirect

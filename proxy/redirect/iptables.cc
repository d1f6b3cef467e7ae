#include "redirect/iptables.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "redirect/iptables_complaint.h"
#include "redirect/iptables_ruleset.h"
#include "redirect/iptables_saved.h"
#include "redirect/program.h"

namespace epaulet::redirect {
namespace {

constexpr const char* kPackage = "iptables";
/// How long another program may change rules before we give up: there is one lock for all.
constexpr const char* kWait = "--wait=5";

/// Without IPv6 in the kernel nothing can come in by it, and ip6tables fails.
std::vector<bool> families() {
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return {true};
  ::close(fd);
  return {true, false};
}

/// Of every table that is in use; asking for one by name would make it.
OrFailure<SavedRules> save(const Iptables& iptables, bool v4) {
  const auto program = iptables.program(v4, "save");
  const auto end = run_program({program, "-c"}, "", kPackage);
  if (!end) return end.error();
  if (end->status == 0) return parse_saved(end->output);
  // A kernel without nf_tables holds nothing of ours.
  if (end->says("Protocol not supported")) return SavedRules{};
  return iptables_complaint(iptables, program, *end, "");
}

OrFailure<void> restore(const Iptables& iptables, bool v4, const std::string& script) {
  const auto program = iptables.program(v4, "restore");
  auto end = run_program({program, "--noflush", kWait}, script, kPackage);
  if (!end) return end.error();
  if (end->status == 0) return {};
  if (end->says("unable to initialize table")) {
    // It does not say why: a missing module or a missing capability. This does.
    const auto why = run_program({iptables.program(v4, "save"), "-t", "nat"}, "", kPackage);
    if (why && why->status != 0) end->output += why->output;
  }
  return iptables_complaint(iptables, program, *end, script);
}

OrFailure<void> remove_from(const Iptables& iptables, bool v4) {
  const auto saved = save(iptables, v4);
  if (!saved) return saved.error();
  const auto script = iptables_removal(*saved);
  if (script.empty()) return {};
  return restore(iptables, v4, script);
}

}  // namespace

Flavour flavour_of(std::string_view version) {
  return version.find("nf_tables") != std::string_view::npos ? Flavour::nft : Flavour::legacy;
}

std::vector<Iptables> installed_iptables() {
  std::vector<Iptables> found;
  for (const char* infix : {"", "-nft", "-legacy"}) {
    Iptables candidate{Flavour::nft, infix};
    const auto program = candidate.program(true, "restore");
    if (!is_installed(program)) continue;
    const auto version = run_program({program, "--version"}, "", kPackage);
    if (!version || version->status != 0) continue;
    candidate.flavour = flavour_of(version->output);
    const bool known = std::any_of(found.begin(), found.end(), [&](const auto& other) {
      return other.flavour == candidate.flavour;
    });
    if (!known) found.push_back(std::move(candidate));
  }
  return found;
}

OrFailure<void> install_with(const Iptables& iptables, const RedirectOptions& options) {
  bool stood_before = false;
  std::vector<std::string> scripts;
  for (const bool v4 : families()) {
    const auto saved = save(iptables, v4);
    if (!saved) return saved.error();
    stood_before = stood_before || !saved->tables.empty();
    scripts.push_back(iptables_ruleset(options, v4, *saved));
  }
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    auto done = restore(iptables, i == 0, scripts[i]);
    if (done) continue;
    if (!stood_before) (void)remove_with(iptables);  // the failure above is the one to report
    return done;
  }
  return {};
}

OrFailure<void> remove_with(const Iptables& iptables) {
  OrFailure<void> all;
  for (const bool v4 : families()) {
    auto done = remove_from(iptables, v4);
    if (!done && all) all = std::move(done);
  }
  return all;
}

std::optional<std::uint64_t> guard_drops(const Iptables& iptables, bool v4) {
  const auto saved = save(iptables, v4);
  return saved ? saved->guard_drops : std::nullopt;
}

}  // namespace epaulet::redirect

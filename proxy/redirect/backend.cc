#include "redirect/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "redirect/iptables.h"
#include "redirect/iptables_ruleset.h"
#include "redirect/nft.h"
#include "redirect/nft_ruleset.h"
#include "redirect/program.h"

namespace epaulet::redirect {
namespace {

/// Without an Iptables it is nft.
struct Backend {
  std::optional<Iptables> iptables;

  [[nodiscard]] std::string_view name() const { return iptables ? iptables->name() : "nft"; }
  [[nodiscard]] OrFailure<void> install(const RedirectOptions& options) const {
    return iptables ? install_with(*iptables, options) : install_with_nft(options);
  }
  [[nodiscard]] OrFailure<void> remove() const {
    return iptables ? remove_with(*iptables) : remove_with_nft();
  }
  [[nodiscard]] std::optional<std::uint64_t> guard_drops(bool v4) const {
    return iptables ? redirect::guard_drops(*iptables, v4) : nft_guard_drops();
  }
};

std::vector<Backend> installed_backends() {
  std::vector<Backend> backends;
  if (is_installed("nft")) backends.push_back({std::nullopt});
  for (auto& one : installed_iptables()) backends.push_back({std::move(one)});
  return backends;
}

bool may_be(BackendChoice choice, const Backend& backend) {
  switch (choice) {
    case BackendChoice::automatic:
      return true;
    case BackendChoice::nft:
      return !backend.iptables;
    case BackendChoice::iptables:
      return backend.iptables.has_value();
    case BackendChoice::iptables_nft:
      return backend.iptables && backend.iptables->flavour == Flavour::nft;
    case BackendChoice::iptables_legacy:
      return backend.iptables && backend.iptables->flavour == Flavour::legacy;
  }
  return false;
}

Failure nothing_installed(BackendChoice choice) {
  switch (choice) {
    case BackendChoice::automatic:
      return {"neither `nft` nor `iptables-restore` is installed",
              "apt-get install nftables, or iptables"};
    case BackendChoice::nft:
      return {"the program `nft` is not installed", "apt-get install nftables"};
    case BackendChoice::iptables:
      return {"the program `iptables-restore` is not installed", "apt-get install iptables"};
    case BackendChoice::iptables_nft:
      return {"the program `iptables-nft-restore` is not installed", "apt-get install iptables"};
    case BackendChoice::iptables_legacy:
      return {"the program `iptables-legacy-restore` is not installed", "apt-get install iptables"};
  }
  return {};
}

}  // namespace

Failure joined(const std::vector<Failure>& reasons) {
  std::string what;
  std::vector<std::string> remedies;
  for (const auto& reason : reasons) {
    what += (what.empty() ? "" : "; ") + reason.what;
    if (std::find(remedies.begin(), remedies.end(), reason.remedy) == remedies.end()) {
      remedies.push_back(reason.remedy);
    }
  }
  return {std::move(what), fmt::format("{}", fmt::join(remedies, "; or "))};
}

OrFailure<std::string_view> install_rules(const RedirectOptions& options) {
  const auto backends = installed_backends();
  std::vector<Failure> reasons;
  for (const auto& backend : backends) {
    if (!may_be(options.backend, backend)) continue;
    if (auto done = backend.install(options); !done) {
      reasons.push_back(done.error());
      continue;
    }
    for (const auto& other : backends) {
      // Best effort: of most of them nothing stands, and some do not work here.
      if (other.name() != backend.name()) (void)other.remove();
    }
    return backend.name();
  }
  if (reasons.empty()) return nothing_installed(options.backend);
  return joined(reasons);
}

OrFailure<void> remove_rules() {
  const auto backends = installed_backends();
  if (backends.empty()) return nothing_installed(BackendChoice::automatic);
  std::vector<Failure> reasons;
  for (const auto& backend : backends) {
    if (auto done = backend.remove(); !done) reasons.push_back(done.error());
  }
  if (reasons.empty()) return {};
  return joined(reasons);
}

GuardCounter standing_guard() {
  for (auto& backend : installed_backends()) {
    for (const bool v4 : {true, false}) {
      if (!backend.guard_drops(v4)) continue;
      return [backend](bool family_v4) { return backend.guard_drops(family_v4); };
    }
  }
  return [](bool) { return std::optional<std::uint64_t>(); };
}

std::string rules_text(const RedirectOptions& options) {
  if (options.backend == BackendChoice::automatic || options.backend == BackendChoice::nft) {
    return nft_ruleset(options);
  }
  return fmt::format("# iptables-restore --noflush\n{}# ip6tables-restore --noflush\n{}",
                     iptables_ruleset(options, true, {}), iptables_ruleset(options, false, {}));
}

}  // namespace epaulet::redirect

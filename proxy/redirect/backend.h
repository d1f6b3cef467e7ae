#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "redirect/failure.h"
#include "redirect/guard_check.h"
#include "redirect/options.h"

/// The ways to put the rules in place. They mean the same: nft_ruleset.h and iptables_ruleset.h
/// lead every packet to the same place.
namespace epaulet::redirect {

/// Installs the rules by the first backend of `options.backend` that can, and removes what any
/// other one had installed before. Returns its name: "nft", "iptables-nft" or "iptables-legacy".
/// If none can, says of each why not.
[[nodiscard]] OrFailure<std::string_view> install_rules(const RedirectOptions& options);

/// Removes what is ours by every backend that is installed, whatever put it there.
[[nodiscard]] OrFailure<void> remove_rules();

/// Reads the guard's counter by the first backend that has one in some family.
[[nodiscard]] GuardCounter standing_guard();

/// What `install --dry-run` prints: the input of the chosen backend's programs. It is nft's for
/// `automatic`, and for iptables what would be installed where nothing of ours stands yet.
[[nodiscard]] std::string rules_text(const RedirectOptions& options);

/// Several reasons why nothing worked as one, each remedy once. `reasons` must not be empty.
[[nodiscard]] Failure joined(const std::vector<Failure>& reasons);

}  // namespace epaulet::redirect

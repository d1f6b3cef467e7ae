#pragma once

#include <string>

#include "redirect/iptables_saved.h"
#include "redirect/options.h"

namespace epaulet::redirect {

/// The input of `iptables-restore --noflush` (`v4`) or `ip6tables-restore --noflush` that installs
/// the rules of nft_ruleset.h in one family; each table is one transaction. It fills our chains
/// anew and puts the jumps to them first in the built-in ones, where nft's table comes by its
/// priority; `saved` holds the jumps that stand there now.
///
/// Everything else stands as it did. Each rule that decides something carries the name of its check
/// as comment; it may take several rules where nft needs one. Assumes options without
/// contradictions.
[[nodiscard]] std::string iptables_ruleset(const RedirectOptions& options, bool v4,
                                           const SavedRules& saved);

/// The input that removes exactly what is ours; "" if there is nothing.
[[nodiscard]] std::string iptables_removal(const SavedRules& saved);

}  // namespace epaulet::redirect

#pragma once

#include <string>

#include "redirect/options.h"

namespace epaulet::redirect {

/// The nft script that installs the rules, as one transaction: it declares our table, deletes it
/// and makes it anew, so it may run any number of times and nothing is ever half installed.
///
/// Everything stands in `table inet epaulet`; no other table is named. Each rule that decides
/// something carries its name as comment, which is also the name of its check in checks.h, and a
/// counter. Assumes options without contradictions.
[[nodiscard]] std::string nft_ruleset(const RedirectOptions& options);

/// The nft script that removes exactly our table, whether or not it is there.
[[nodiscard]] std::string nft_removal();

}  // namespace epaulet::redirect

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "redirect/failure.h"
#include "redirect/options.h"

/// Our rules by way of nftables' own program.
namespace epaulet::redirect {

/// Installs the rules, or none of them. Translates nft's complaint.
[[nodiscard]] OrFailure<void> install_with_nft(const RedirectOptions& options);

/// Removes our table. A kernel without nf_tables has none.
[[nodiscard]] OrFailure<void> remove_with_nft();

/// How many packets the rule `inbound-guard` has dropped; nothing if the rule is not there.
[[nodiscard]] std::optional<std::uint64_t> nft_guard_drops();

/// The same, from what `nft list chain` prints.
[[nodiscard]] std::optional<std::uint64_t> dropped_by_guard(std::string_view listing);

}  // namespace epaulet::redirect

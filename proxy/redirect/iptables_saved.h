#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace epaulet::redirect {

/// Every chain of ours, and no other, is named so.
inline constexpr std::string_view kOurChains = "EPAULET_";

/// What of ours stands in one table of one family.
struct SavedTable {
  std::string name;                 ///< "nat", "filter".
  std::vector<std::string> chains;  ///< Ours.
  std::vector<std::string> jumps;   ///< Rules of other chains that lead to ours: "OUTPUT -j EP...".
};

/// What of ours stands in one family.
struct SavedRules {
  std::vector<SavedTable> tables;            ///< Those that hold something of ours.
  std::optional<std::uint64_t> guard_drops;  ///< Packets that the rules `inbound-guard` dropped.

  /// Nothing if the table holds nothing of ours.
  [[nodiscard]] const SavedTable* table(std::string_view name) const;
};

/// Reads what `iptables-save -c` prints. Lines that it does not know are somebody else's.
[[nodiscard]] SavedRules parse_saved(std::string_view text);

}  // namespace epaulet::redirect

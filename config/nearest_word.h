#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace epaulet::config {

/// The candidate that a reader most likely meant by `word`, "" if none is near: a third of the
/// letters wrong at most (a swap of neighbours counts once), or a common beginning, or another
/// case.
[[nodiscard]] std::string nearest_word(std::string_view word,
                                       std::span<const std::string_view> candidates);

/// Edits (insert, remove, replace, swap neighbours) between two words; more than `most` counts as
/// `most` + 1.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most);

}  // namespace epaulet::config

#pragma once

#include <algorithm>
#include <chrono>

namespace epaulet {

/// Of the time `left` of a certificate, the part at its end in which nothing more begins on what
/// rests on it: the other end cuts the connection then, whatever is under way. A tenth, at most a
/// minute and at least a second, or half of it where that is less.
[[nodiscard]] constexpr std::chrono::nanoseconds last_part(std::chrono::nanoseconds left) {
  constexpr std::chrono::nanoseconds kMin = std::chrono::seconds(1);
  constexpr std::chrono::nanoseconds kMax = std::chrono::minutes(1);
  return std::clamp(left / 10, std::min(kMin, left / 2), kMax);
}

}  // namespace epaulet

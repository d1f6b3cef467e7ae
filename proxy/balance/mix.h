#pragma once

#include <cstdint>

namespace epaulet::balance {

/// Every bit of the result depends on every bit of the input (splitmix64, Steele et al. 2014).
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace epaulet::balance

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace epaulet {

/// A worker's randomness: seeded once, from the kernel in production, from the seed in simulation.
/// xoshiro256** (Blackman and Vigna, 2018): not for keys or tokens; those come from OpenSSL.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  /// Seeded by getrandom(2).
  [[nodiscard]] static Random from_kernel();

  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, bound); 0 if bound is 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1).
  [[nodiscard]] double unit();
  void fill(std::span<std::byte> out);

 private:
  std::uint64_t state_[4];
};

}  // namespace epaulet

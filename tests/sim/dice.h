#pragma once

#include <algorithm>
#include <initializer_list>

#include "runtime/random.h"

namespace epaulet::sim {

/// A seed's draws.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] bool chance(double probability) { return random_.unit() < probability; }
  /// In [low, high].
  [[nodiscard]] std::size_t number(std::size_t low, std::size_t high) {
    return low + random_.below(high - low + 1);
  }
  template <class T>
  [[nodiscard]] T one_of(std::initializer_list<T> choices) {
    return choices.begin()[random_.below(choices.size())];
  }
  /// Small ones often, `most` seldom.
  [[nodiscard]] std::size_t size(std::size_t most) {
    std::size_t limit = 1;
    while (limit < most && chance(0.82)) limit *= 2;
    return number(0, std::min(limit, most));
  }

 private:
  Random random_;
};

}  // namespace epaulet::sim

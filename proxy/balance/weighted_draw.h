#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/random.h"

namespace epaulet::balance {

/// Draws indexes at random, in proportion to weights, each at least 1. O(1) and no allocation per
/// draw, by the alias method (Vose, 1991).
class WeightedDraw {
 public:
  explicit WeightedDraw(std::span<const std::uint32_t> weights);

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Of none there is nothing to draw.
  [[nodiscard]] std::size_t draw(Random& random) const;
  /// One that is not in `avoided`, or nothing if all are.
  [[nodiscard]] std::optional<std::size_t> draw_besides(std::span<const std::size_t> avoided,
                                                        Random& random) const;
  /// Another one than `first`, which is one of two or more; not in `avoided` either, if a few
  /// draws find such a one, else `first`.
  [[nodiscard]] std::size_t draw_second(std::size_t first, std::span<const std::size_t> avoided,
                                        Random& random) const;

 private:
  struct Cell {
    double own = 1;  ///< Share of the cell that is its index's own; the rest is its alias's.
    std::uint32_t alias = 0;
  };
  std::size_t size_;
  std::vector<Cell> cells_;  ///< Empty: all weights are the same.
};

[[nodiscard]] inline bool is_among(std::span<const std::size_t> indexes, std::size_t index) {
  return std::find(indexes.begin(), indexes.end(), index) != indexes.end();
}

}  // namespace epaulet::balance

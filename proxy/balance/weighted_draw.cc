#include "balance/weighted_draw.h"

#include <functional>
#include <numeric>

namespace epaulet::balance {
namespace {

/// Draws before looking through all: as long as half of the endpoints will do, they fail one time
/// in 256.
constexpr int kDraws = 8;

}  // namespace

WeightedDraw::WeightedDraw(std::span<const std::uint32_t> weights) : size_(weights.size()) {
  const bool all_the_same =
      std::adjacent_find(weights.begin(), weights.end(), std::not_equal_to<>()) == weights.end();
  if (all_the_same) return;
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  cells_.resize(size_);
  std::vector<double> shares;  // Of one on average.
  std::vector<std::uint32_t> poor;
  std::vector<std::uint32_t> rich;
  for (std::uint32_t i = 0; i < size_; ++i) {
    shares.push_back(weights[i] * static_cast<double>(size_) / sum);
    (shares[i] < 1 ? poor : rich).push_back(i);
  }
  while (!poor.empty() && !rich.empty()) {
    const auto few = poor.back();
    const auto many = rich.back();
    poor.pop_back();
    cells_[few] = {shares[few], many};
    shares[many] -= 1 - shares[few];
    if (shares[many] >= 1) continue;
    rich.pop_back();
    poor.push_back(many);
  }
  // What is left has a whole cell, but for rounding.
}

std::size_t WeightedDraw::draw(Random& random) const {
  const auto index = static_cast<std::size_t>(random.below(size_));
  if (cells_.empty()) return index;
  const Cell& cell = cells_[index];
  return cell.own >= 1 || random.unit() < cell.own ? index : cell.alias;
}

std::optional<std::size_t> WeightedDraw::draw_besides(std::span<const std::size_t> avoided,
                                                      Random& random) const {
  if (size_ == 0) return std::nullopt;
  for (int i = 0; i < kDraws; ++i) {
    const auto drawn = draw(random);
    if (!is_among(avoided, drawn)) return drawn;
  }
  const auto start = static_cast<std::size_t>(random.below(size_));
  for (std::size_t i = 0; i < size_; ++i) {
    const auto next = (start + i) % size_;
    if (!is_among(avoided, next)) return next;
  }
  return std::nullopt;
}

std::size_t WeightedDraw::draw_second(std::size_t first, std::span<const std::size_t> avoided,
                                      Random& random) const {
  for (int i = 0; i < kDraws; ++i) {
    const auto drawn = draw(random);
    if (drawn != first && !is_among(avoided, drawn)) return drawn;
  }
  const auto next = (first + 1) % size_;  // One so heavy that it alone is drawn.
  return is_among(avoided, next) ? first : next;
}

}  // namespace epaulet::balance

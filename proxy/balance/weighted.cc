#include <algorithm>
#include <vector>

#include "balance/picker.h"
#include "base/assert.h"

namespace epaulet::balance {
namespace {

/// Smooth weighted round robin: each pick, all gain their weight and the richest pays for all. Who
/// has a large weight is picked often and never many times in a row.
class Weighted final : public Picker {
 public:
  explicit Weighted(std::span<const std::uint32_t> weights)
      : weights_(weights.begin(), weights.end()), credit_(weights.size()) {}

  std::optional<std::size_t> pick(std::size_t count, std::span<const std::size_t> tried, SessionKey,
                                  TimePoint) override {
    EPAULET_ASSERT(count == weights_.size());
    if (count == 0) return std::nullopt;
    const auto was_tried = [tried](std::size_t index) {
      return std::find(tried.begin(), tried.end(), index) != tried.end();
    };
    if (const auto best = pick_unless(was_tried)) return best;
    return pick_unless([](std::size_t) { return false; });  // Better one of them again than none.
  }

 private:
  template <class Skip>
  std::optional<std::size_t> pick_unless(const Skip& skip) {
    std::optional<std::size_t> best;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (skip(i)) continue;
      total += weights_[i];
      credit_[i] += weights_[i];
      if (!best || credit_[i] > credit_[*best]) best = i;
    }
    if (best) credit_[*best] -= total;
    return best;
  }

  std::vector<std::uint32_t> weights_;
  std::vector<std::int64_t> credit_;
};

}  // namespace

std::unique_ptr<Picker> make_weighted(std::span<const std::uint32_t> weights, std::uint64_t start) {
  auto picker = std::make_unique<Weighted>(weights);
  if (weights.empty()) return picker;
  for (std::uint64_t i = start % weights.size(); i > 0; --i)
    (void)picker->pick(weights.size(), {}, {}, {});
  return picker;
}

}  // namespace epaulet::balance

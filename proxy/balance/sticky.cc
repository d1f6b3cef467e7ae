#include <algorithm>
#include <cmath>
#include <vector>

#include "balance/mix.h"
#include "balance/picker.h"
#include "base/assert.h"

namespace epaulet::balance {
namespace {

/// Each endpoint draws a number that depends on the key and itself alone; the largest wins. With
/// u uniform in (0, 1), the largest of weight / -ln(u) is each one's in proportion to its weight
/// (Schindelhauer and Schomaker, 2005).
double draw(std::uint64_t key, std::uint64_t endpoint, double weight) {
  const double u = (static_cast<double>(mix(key ^ endpoint) >> 11) + 0.5) * 0x1p-53;
  return weight / -std::log(u);
}

class Sticky final : public Picker {
 public:
  Sticky(std::span<const std::uint64_t> endpoints, std::span<const std::uint32_t> weights,
         std::unique_ptr<Picker> others)
      : endpoints_(endpoints.begin(), endpoints.end()),
        weights_(weights.begin(), weights.end()),
        others_(std::move(others)) {
    EPAULET_ASSERT(endpoints_.size() == weights_.size());
  }

  std::optional<std::size_t> pick(std::size_t count, std::span<const std::size_t> tried,
                                  SessionKey key, TimePoint now) override {
    EPAULET_ASSERT(count == endpoints_.size());
    if (!key) return others_->pick(count, tried, key, now);
    const auto was_tried = [tried](std::size_t index) {
      return std::find(tried.begin(), tried.end(), index) != tried.end();
    };
    if (const auto best = pick_unless(was_tried, *key)) return best;
    return pick_unless([](std::size_t) { return false; }, *key);  // Better again than none.
  }

 private:
  template <class Skip>
  std::optional<std::size_t> pick_unless(const Skip& skip, std::uint64_t key) const {
    std::optional<std::size_t> best;
    double highest = -1;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      if (skip(i)) continue;
      const double drawn = draw(key, endpoints_[i], weights_[i]);
      if (drawn <= highest) continue;
      highest = drawn;
      best = i;
    }
    return best;
  }

  std::vector<std::uint64_t> endpoints_;
  std::vector<double> weights_;
  std::unique_ptr<Picker> others_;
};

}  // namespace

std::uint64_t session_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return mix(hash);
}

std::unique_ptr<Picker> make_sticky(std::span<const std::uint64_t> endpoints,
                                    std::span<const std::uint32_t> weights,
                                    std::unique_ptr<Picker> others) {
  return std::make_unique<Sticky>(endpoints, weights, std::move(others));
}

}  // namespace epaulet::balance

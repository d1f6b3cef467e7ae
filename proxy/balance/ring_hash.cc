#include <algorithm>
#include <vector>

#include "balance/mix.h"
#include "balance/picker.h"
#include "balance/weighted_draw.h"
#include "base/assert.h"
#include "base/limits.h"

namespace epaulet::balance {
namespace {

/// Points of the heaviest endpoint. Constant but for very many endpoints, so that the points of one
/// do not depend on who else is there.
std::size_t points_of_heaviest(std::size_t endpoints) {
  const auto most = limits::kRingPointsMax / std::max<std::size_t>(endpoints, 1);
  return std::min(limits::kRingPointsPerEndpoint, std::max<std::size_t>(most, 1));
}

/// Endpoints have points on a ring, and a key belongs to the first one behind it (Karger et al.,
/// 1997): an endpoint that leaves gives its keys to those behind it, one that comes takes those
/// before its points, and no other key moves.
class RingHash final : public Picker {
 public:
  RingHash(Members members, std::unique_ptr<Picker> others)
      : count_(members.names.size()), others_(std::move(others)) {
    const auto heaviest = members.weights.empty()
                              ? 1u
                              : *std::max_element(members.weights.begin(), members.weights.end());
    const auto most = points_of_heaviest(count_);
    for (std::uint32_t i = 0; i < count_; ++i) {
      const auto share = static_cast<std::uint64_t>(most) * members.weights[i] / heaviest;
      for (std::uint64_t point = 0; point < std::max<std::uint64_t>(share, 1); ++point)
        ring_.push_back({mix(members.names[i] + mix(point + 1)), i});
    }
    std::sort(ring_.begin(), ring_.end());
  }

  std::optional<std::size_t> pick(std::size_t count, std::span<const std::size_t> avoided,
                                  SessionKey key, TimePoint now) override {
    EPAULET_ASSERT(count == count_);
    if (!key) return others_->pick(count, avoided, key, now);
    if (ring_.empty()) return std::nullopt;
    const Point at{mix(*key), 0};
    const auto start = std::lower_bound(ring_.begin(), ring_.end(), at) - ring_.begin();
    const auto from = static_cast<std::size_t>(start);
    for (std::size_t i = 0; i < ring_.size(); ++i) {
      const auto index = ring_[(from + i) % ring_.size()].endpoint;
      if (!is_among(avoided, index)) return index;
    }
    return ring_[from % ring_.size()].endpoint;  // Better again than none.
  }

 private:
  struct Point {
    std::uint64_t at;
    std::uint32_t endpoint;
    friend auto operator<=>(const Point&, const Point&) = default;
  };
  std::size_t count_;
  std::vector<Point> ring_;
  std::unique_ptr<Picker> others_;
};

}  // namespace

std::unique_ptr<Picker> make_ring_hash(Members members, std::unique_ptr<Picker> others) {
  return std::make_unique<RingHash>(members, std::move(others));
}

}  // namespace epaulet::balance

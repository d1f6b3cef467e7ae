#include <algorithm>
#include <numeric>
#include <vector>

#include "balance/mix.h"
#include "balance/picker.h"
#include "balance/weighted_draw.h"
#include "base/assert.h"
#include "base/limits.h"

namespace epaulet::balance {
namespace {

/// A prime, much larger than the number of endpoints, or shares would be uneven.
std::uint32_t table_size(std::size_t endpoints) {
  return endpoints <= limits::kMaglevSmallEndpoints ? 16'381 : 65'537;
}

/// A table of slots that endpoints take in turn, each in the order of its own permutation
/// (Eisenbud et al., "Maglev", 2016, section 3.4): shares are even to one slot, a pick is one look
/// into it, and little more than a leaving endpoint's own keys move.
class Maglev final : public Picker {
 public:
  Maglev(Members members, std::unique_ptr<Picker> others)
      : count_(members.names.size()), others_(std::move(others)) {
    if (count_ > 0) fill(members);
  }

  std::optional<std::size_t> pick(std::size_t count, std::span<const std::size_t> avoided,
                                  SessionKey key, TimePoint now) override {
    EPAULET_ASSERT(count == count_);
    if (!key) return others_->pick(count, avoided, key, now);
    if (slots_.empty()) return std::nullopt;
    const std::size_t first = slots_[mix(*key) % slots_.size()];
    if (!is_among(avoided, first)) return first;
    // Its keys are spread over the others, each always to the same.
    std::uint64_t draw = mix(*key);
    for (int i = 0; i < kDraws; ++i) {
      draw = mix(draw + 1);
      const std::size_t other = slots_[draw % slots_.size()];
      if (!is_among(avoided, other)) return other;
    }
    for (std::size_t i = 0; i < count_; ++i) {
      const auto next = (first + i) % count_;
      if (!is_among(avoided, next)) return next;
    }
    return first;  // Better again than none.
  }

 private:
  static constexpr int kDraws = 16;
  static constexpr std::uint16_t kFree = UINT16_MAX;
  static_assert(limits::kEndpointsPerBackendMax < kFree);

  void fill(Members members) {
    const auto size = table_size(count_);
    slots_.assign(size, kFree);
    struct Turn {
      std::uint64_t next;
      std::uint64_t skip;
      double credit = 0;  ///< A slot costs 1; the heaviest has one for each round.
      double share = 1;
    };
    const auto heaviest = *std::max_element(members.weights.begin(), members.weights.end());
    std::vector<Turn> turns;
    for (std::size_t i = 0; i < count_; ++i) {
      const auto name = members.names[i];
      turns.push_back({mix(name) % size, mix(name ^ ~0ULL) % (size - 1) + 1, 0,
                       static_cast<double>(members.weights[i]) / heaviest});
    }
    // The order must not be that of addresses alone in the table: names decide who is first.
    std::vector<std::uint16_t> order(count_);
    std::iota(order.begin(), order.end(), std::uint16_t{0});
    std::sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
      return members.names[a] < members.names[b];
    });
    for (std::uint32_t taken = 0; taken < size;) {
      for (const auto index : order) {
        Turn& turn = turns[index];
        turn.credit += turn.share;
        if (turn.credit < 1) continue;
        turn.credit -= 1;
        while (slots_[turn.next] != kFree) turn.next = (turn.next + turn.skip) % size;
        slots_[turn.next] = index;
        if (++taken == size) break;
      }
    }
  }

  std::size_t count_;
  std::vector<std::uint16_t> slots_;
  std::unique_ptr<Picker> others_;
};

}  // namespace

std::unique_ptr<Picker> make_maglev(Members members, std::unique_ptr<Picker> others) {
  return std::make_unique<Maglev>(members, std::move(others));
}

}  // namespace epaulet::balance

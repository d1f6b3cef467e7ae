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

/// Who takes a slot after whom, for `size` slots at least. The heaviest endpoint takes one in each
/// round, another its nth in the first round by which its weight has earned it n. Its name decides
/// how much of its first one it has from the beginning: many that are equally light would else all
/// come in one round, which may be behind the end of the table.
///
/// Counted first and then put in place, not by asking everybody in each round: one weight above all
/// others makes as many rounds as slots, in which nearly nobody has a turn.
std::vector<std::uint16_t> turns_of(Members members, std::uint32_t size) {
  const auto count = members.names.size();
  const auto& weights = members.weights;
  const std::uint64_t heaviest = *std::max_element(weights.begin(), weights.end());
  const auto sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  // At the end each endpoint may be short of its share by less than one.
  const auto rounds = std::min<std::uint64_t>(size, (size + count) * heaviest / sum + 1);
  const auto each_turn = [&](std::uint16_t index, auto&& use) {
    const std::uint64_t weight = weights[index];
    const auto missing = heaviest - mix(members.names[index] + 1) % heaviest;
    for (std::uint64_t price = missing;; price += heaviest) {
      const auto round = (price + weight - 1) / weight;
      if (round > rounds) return;
      use(static_cast<std::size_t>(round));
    }
  };
  // The order must not be that of addresses alone in the table: names decide who is first.
  std::vector<std::uint16_t> order(count);
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::uint16_t a, std::uint16_t b) { return members.names[a] < members.names[b]; });
  std::vector<std::uint32_t> begins(rounds + 2);  // Of each round among the turns.
  for (const auto index : order) each_turn(index, [&](std::size_t round) { ++begins[round + 1]; });
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  std::vector<std::uint16_t> turns(begins.back());
  for (const auto index : order)
    each_turn(index, [&](std::size_t round) { turns[begins[round]++] = index; });
  return turns;
}

/// A table of slots that endpoints take in turn, each in the order of its own permutation
/// (Eisenbud et al., "Maglev", 2016, section 3.4): shares are even to one slot, a pick is one look
/// into it, it is filled in the time of its size whatever the weights, and little more than a
/// leaving endpoint's own keys move.
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
    struct Permutation {
      std::uint64_t next;
      std::uint64_t skip;
    };
    std::vector<Permutation> permutations;
    for (const auto name : members.names)
      permutations.push_back({mix(name) % size, mix(name ^ ~0ULL) % (size - 1) + 1});
    std::uint32_t taken = 0;
    for (const auto index : turns_of(members, size)) {
      auto& [next, skip] = permutations[index];
      while (slots_[next] != kFree) next = (next + skip) % size;
      slots_[next] = index;
      if (++taken == size) break;
    }
    EPAULET_ASSERT(taken == size);
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

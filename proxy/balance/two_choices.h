#pragma once

#include <span>
#include <vector>

#include "balance/load.h"
#include "balance/picker.h"
#include "balance/weighted_draw.h"
#include "runtime/random.h"

namespace epaulet::balance {

/// The better of two that are drawn at random: nearly as even as a look at all of them, in O(1),
/// and without the crowd at whoever is best (Mitzenmacher, 2001). `Policy` says how much there is
/// to do at an endpoint, and whether it is to be asked whatever that says. The first drawn is taken
/// where both are alike, so that idle endpoints are asked in proportion to their weights.
template <class Policy>
class TwoChoices final : public Picker {
 public:
  TwoChoices(Members members, SlowStart slow_start, Random& random)
      : draw_(members.weights), slow_start_(slow_start), random_(random) {
    double sum = 0;
    for (const auto weight : members.weights) sum += weight;
    for (std::size_t i = 0; i < members.weights.size(); ++i) {
      const double share = members.weights[i] * static_cast<double>(members.weights.size()) / sum;
      members_.push_back({members.loads[i], 1 / share});
    }
  }

  std::optional<std::size_t> pick(std::size_t count, std::span<const std::size_t> avoided,
                                  SessionKey, TimePoint now) override {
    if (count == 0) return std::nullopt;
    if (count == 1) return 0;
    auto first = draw_.draw_besides(avoided, random_);
    if (!first) {  // Better one of them again than none.
      avoided = {};
      first = draw_.draw(random_);
    }
    const auto second = draw_.draw_second(*first, avoided, random_);
    if (second == *first || is_due(*first, now)) return first;
    if (is_due(second, now)) return second;
    return to_do(second, now) * Policy::kPatience < to_do(*first, now) ? second : *first;
  }

 private:
  struct Member {
    LoadPtr load;
    double per_share;  ///< 1 for an average weight, less for a heavier one.
  };
  [[nodiscard]] double to_do(std::size_t index, TimePoint now) const {
    const Member& member = members_[index];
    return Policy::to_do(*member.load, member.per_share, now) *
           slow_start_.factor(now - member.load->since());
  }

  [[nodiscard]] bool is_due(std::size_t index, TimePoint now) const {
    return Policy::is_due(*members_[index].load, now);
  }

  WeightedDraw draw_;
  std::vector<Member> members_;
  SlowStart slow_start_;
  Random& random_;
};

}  // namespace epaulet::balance

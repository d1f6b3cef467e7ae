#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "balance/picker.h"
#include "base/assert.h"

namespace epaulet::balance {
namespace {

/// Two pickers, one for the endpoints of the own zone, one for all others, and the share of each.
class OwnZoneFirst final : public Picker {
 public:
  OwnZoneFirst(Members members, const std::vector<bool>& is_own, double factor,
               const MakePicker& make_picker, double start)
      : factor_(factor), credit_(start) {
    EPAULET_ASSERT(is_own.size() == members.weights.size());
    for (std::size_t i = 0; i < is_own.size(); ++i) {
      Group& group = groups_[is_own[i] ? kOwn : kOther];
      places_.push_back({is_own[i] ? kOwn : kOther, group.members.size()});
      group.members.push_back(i);
      group.weights.push_back(members.weights[i]);
      group.weight += members.weights[i];
    }
    for (Group& group : groups_) {
      group.picker = picker_of(group, members, make_picker);
      group.avoided.reserve(group.members.size());  // A pick allocates nothing.
    }
  }

  std::optional<std::size_t> pick(std::size_t count, std::span<const std::size_t> avoided,
                                  SessionKey, TimePoint now) override {
    EPAULET_ASSERT(count == places_.size());
    if (count == 0) return std::nullopt;
    divide(avoided);
    Group& group = groups_[is_turn_of_own() ? kOwn : kOther];
    return group.members[*group.picker->pick(group.members.size(), group.avoided, {}, now)];
  }

 private:
  static constexpr std::size_t kOwn = 0;
  static constexpr std::size_t kOther = 1;

  struct Group {
    std::vector<std::size_t> members;  ///< By their index among all.
    std::vector<std::uint32_t> weights;
    std::unique_ptr<Picker> picker;
    std::uint64_t weight = 0;
    std::uint64_t left = 0;            ///< Of the weight: what may be asked now.
    std::vector<std::size_t> avoided;  ///< By their index in `members`.

    [[nodiscard]] double well() const {
      return weight == 0 ? 0 : static_cast<double>(left) / static_cast<double>(weight);
    }
  };
  struct Place {
    std::size_t group;
    std::size_t index;
    std::uint64_t avoided_at = 0;  ///< The pick that has seen it among those to avoid.
  };

  static std::unique_ptr<Picker> picker_of(const Group& group, Members members,
                                           const MakePicker& make_picker) {
    std::vector<LoadPtr> loads;
    for (const auto index : group.members) {
      if (!members.loads.empty()) loads.push_back(members.loads[index]);
    }
    return make_picker({{}, group.weights, loads});
  }

  /// Who is to be avoided in each group; some are named twice.
  void divide(std::span<const std::size_t> avoided) {
    ++picks_;
    for (Group& group : groups_) {
      group.left = group.weight;
      group.avoided.clear();
    }
    for (const auto index : avoided) {
      EPAULET_ASSERT(index < places_.size());
      Place& place = places_[index];
      if (std::exchange(place.avoided_at, picks_) == picks_) continue;
      Group& group = groups_[place.group];
      group.left -= group.weights[place.index];
      group.avoided.push_back(place.index);
    }
  }

  /// Turns instead of a draw: of any few requests in a row each zone gets its share.
  bool is_turn_of_own() {
    const Group& own = groups_[kOwn];
    const Group& other = groups_[kOther];
    if (own.members.empty() || other.members.empty()) return other.members.empty();
    const auto sum = static_cast<double>(own.weight + other.weight);
    // All are to be avoided: better one of them than none.
    const double share = own.left + other.left == 0
                             ? static_cast<double>(own.weight) / sum
                             : own_zone_share(own.well(), other.well(), factor_);
    credit_ += share;
    if (credit_ < 1) return false;
    credit_ -= 1;
    return true;
  }

  double factor_;
  double credit_;  ///< Of the own zone, below 1.
  std::array<Group, 2> groups_;
  std::vector<Place> places_;  ///< Of all.
  std::uint64_t picks_ = 0;
};

}  // namespace

double own_zone_share(double own_well, double others_well, double factor) {
  const double own = std::min(1.0, factor * own_well);
  const double others = std::min(1 - own, factor * others_well);
  return own + others == 0 ? 0 : own / (own + others);
}

std::unique_ptr<Picker> make_own_zone_first(Members members, const std::vector<bool>& is_own,
                                            double factor, const MakePicker& make_picker,
                                            double start) {
  return std::make_unique<OwnZoneFirst>(members, is_own, factor, make_picker, start);
}

}  // namespace epaulet::balance

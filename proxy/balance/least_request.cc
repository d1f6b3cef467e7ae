#include "balance/two_choices.h"

namespace epaulet::balance {
namespace {

struct Outstanding {
  static constexpr double kPatience = 1;

  static double to_do(const Load& load, double per_share, TimePoint) {
    return load.outstanding() * per_share + 1;
  }
  static bool is_due(const Load&, TimePoint) { return false; }
};

}  // namespace

std::unique_ptr<Picker> make_least_request(Members members, SlowStart slow_start, Random& random) {
  return std::make_unique<TwoChoices<Outstanding>>(members, slow_start, random);
}

}  // namespace epaulet::balance

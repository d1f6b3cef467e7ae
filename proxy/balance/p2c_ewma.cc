#include "balance/two_choices.h"

namespace epaulet::balance {
namespace {

/// What one more request would have to wait for: as long as one takes, for each that is under way
/// and itself.
struct PeakEwma {
  /// Who is better by less than this is not better: or noise would choose, and always the same one.
  static constexpr double kPatience = 1.25;

  static double to_do(const Load& load, double per_share, TimePoint now) {
    const double takes = load.latency(now) + static_cast<double>(Load::kFloor.count());
    return takes * (load.outstanding() * per_share + 1);
  }
  static bool is_due(const Load& load, TimePoint now) { return load.is_due(now); }
};

}  // namespace

std::unique_ptr<Picker> make_p2c_ewma(Members members, SlowStart slow_start, Random& random) {
  return std::make_unique<TwoChoices<PeakEwma>>(members, slow_start, random);
}

}  // namespace epaulet::balance

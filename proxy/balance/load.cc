#include "balance/load.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace epaulet::balance {
namespace {

constexpr double in_ns(Load::Time time) {
  return static_cast<double>(time.count());
}

/// What is left of a weight of 1 after so long.
double left_after(Load::Time time) {
  return time.count() <= 0 ? 1.0 : std::exp(-in_ns(time) / in_ns(Load::kDecay));
}

}  // namespace

void Load::begin(Flight flight, TimePoint now) {
  const bool is_look = is_due(now);
  ++outstanding_;
  if (flight == Flight::tunnel) return;
  if (is_look) {
    looks_ = true;
    look_after_ = std::min(2 * look_after_, kForgotten);
    in_a_row_ = 0;
  } else if (++in_a_row_ == kInUse) {
    look_after_ = kLook;
  }
  const bool is_forgotten = !was_asked_ || now - asked_ >= kForgotten;
  was_asked_ = true;
  asked_ = now;
  if (!is_forgotten) return;
  is_proven_ = false;
  latency_ = in_ns(kUnproven);
  measured_ = now;
}

void Load::answered(Time took, TimePoint now) {
  const double measured = in_ns(std::max(took, Time(0)));
  // What a look has found is news; what was known before is old.
  if (!is_proven_ || std::exchange(looks_, false) || measured >= latency_) {
    latency_ = measured;
  } else {
    const double kept = left_after(now - measured_);
    latency_ = latency_ * kept + measured * (1 - kept);
  }
  is_proven_ = true;
  measured_ = now;
}

void Load::failed(Time took, TimePoint now) {
  const double before = is_proven_ ? latency(now) : in_ns(kUnproven);
  const double doubled = std::min(2 * (before + in_ns(kFloor)), in_ns(kUnproven));
  latency_ = std::max({in_ns(took), before, doubled});
  is_proven_ = true;
  looks_ = false;
  measured_ = now;
}

void Load::unanswered(Time waited, TimePoint now) {
  if (in_ns(waited) <= latency(now)) return;
  latency_ = in_ns(waited);
  measured_ = now;
}

double Load::latency(TimePoint now) const {
  if (!was_asked_ || now - asked_ >= kForgotten) return 0;
  return latency_ * left_after(now - measured_);
}

}  // namespace epaulet::balance

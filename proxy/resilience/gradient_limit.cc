#include "resilience/gradient_limit.h"

#include <algorithm>
#include <cmath>

namespace epaulet::resilience {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kWindowMin = std::chrono::milliseconds(100);
constexpr nanoseconds kWindowMax = std::chrono::seconds(2);
/// What was under way when a look began has to end first; it is not waited for without end.
constexpr unsigned kLooksMax = 5;
constexpr double kSmoothing = 0.5;
/// Of a window that is faster than anything before: one of answers that cost nothing proves little.
constexpr double kFasterWeight = 0.2;

std::uint32_t first_limit(const GradientLimit::Rules& rules) {
  return std::clamp(GradientLimit::kUnusedMax, rules.min, rules.max);
}

/// Any number of 0 to 1 that differs from instance to instance (the finalizer of splitmix64).
double spread(std::uint64_t from) {
  from = (from ^ (from >> 30)) * 0xbf58476d1ce4e5b9ULL;
  from = (from ^ (from >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<double>((from ^ (from >> 31)) >> 11) * 0x1.0p-53;
}

}  // namespace

GradientLimit::GradientLimit(const Rules& rules) : rules_(rules), limit_(first_limit(rules)) {}

void GradientLimit::change(const Rules& rules) {
  if (rules.remeasure < rules_.remeasure) look_at_ -= rules_.remeasure - rules.remeasure;
  rules_ = rules;
  limit_ = std::clamp(limit_, static_cast<double>(rules.min), static_cast<double>(rules.max));
}

std::uint32_t GradientLimit::limit() const {
  return measuring_ ? rules_.min : static_cast<std::uint32_t>(limit_);
}

nanoseconds GradientLimit::window() const {
  return std::clamp(nanoseconds(static_cast<std::int64_t>(median_)), kWindowMin, kWindowMax);
}

nanoseconds GradientLimit::jittered(TimePoint now) const {
  const auto seed = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const double share = 0.8 + 0.4 * spread(seed);
  return nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(rules_.remeasure.count()) * share));
}

void GradientLimit::begin_measuring() {
  measuring_ = true;
  looks_ = 0;
}

void GradientLimit::measure(const Window& window, TimePoint now) {
  const bool is_at_rest = window.peak <= 2 * rules_.min;  // Critical ones may pass the limit.
  if (!is_at_rest && ++looks_ < kLooksMax) return;
  rest_ = static_cast<double>(window.median.count());
  measuring_ = false;
  look_at_ = now + jittered(now);
}

void GradientLimit::update(const Window& window, TimePoint now) {
  const auto median = static_cast<double>(std::max<std::int64_t>(window.median.count(), 1));
  median_ = median;
  if (measuring_) return measure(window, now);
  if (rest_ == 0) {
    rest_ = median;
    look_at_ = now + (window.peak > 2 * rules_.min ? nanoseconds(kCheckFirstAfter) : jittered(now));
  }
  if (median < rest_) rest_ += kFasterWeight * (median - rest_);
  adapt(window, median);
  const bool is_slow = median > rest_ * (1 + rules_.tolerance);
  const bool is_held = limit_ <= rules_.min && window.peak >= rules_.min;
  if (is_slow && (is_held || now >= look_at_)) return begin_measuring();
  if (!is_slow && now >= look_at_) look_at_ = now + jittered(now);
}

void GradientLimit::adapt(const Window& window, double median) {
  const double gradient = std::clamp(rest_ * (1 + rules_.tolerance) / median, 0.5, 1.0);
  const double wanted = limit_ * gradient + std::sqrt(limit_);
  const bool is_used = window.peak >= static_cast<std::uint32_t>(limit_ / 2);
  const double supply = std::max(limit_, static_cast<double>(first_limit(rules_)));
  double next = limit_ + kSmoothing * (wanted - limit_);
  if (!is_used) next = std::min(next, supply);
  limit_ = std::clamp(next, static_cast<double>(rules_.min), static_cast<double>(rules_.max));
}

}  // namespace epaulet::resilience

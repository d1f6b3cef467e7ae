#include "resilience/adaptive_concurrency.h"

#include <algorithm>

namespace epaulet::resilience {
namespace {

using std::chrono::nanoseconds;
constexpr auto kRelaxed = std::memory_order_relaxed;

std::int64_t count_of(TimePoint now) {
  return now.time_since_epoch() / nanoseconds(1);
}

/// How many may be under way for one more of this kind.
std::uint32_t room_for(Criticality criticality, std::uint32_t limit) {
  if (criticality == Criticality::critical) return limit * 2;
  if (criticality == Criticality::sheddable) return std::max(limit - limit / 4, 1u);
  return limit;
}

}  // namespace

std::string_view name_of(Criticality criticality) {
  static constexpr std::array<std::string_view, 4> kNames{"sheddable", "default", "critical",
                                                          "exempt"};
  return kNames[static_cast<std::size_t>(criticality)];
}

AdaptiveConcurrency::AdaptiveConcurrency(const GradientLimit::Rules& rules)
    : limit_(0), window_for_(0), gradient_(rules) {
  limit_ = gradient_.limit();
  window_for_ = gradient_.window().count();
}

AdaptiveConcurrency::Entry AdaptiveConcurrency::enter(Criticality criticality, TimePoint now) {
  Entry entry;
  if (criticality == Criticality::exempt) return entry;
  const auto kind = static_cast<std::size_t>(criticality);
  entry.limit = limit_.load(kRelaxed);
  const auto before = in_flight_.fetch_add(1, kRelaxed);
  if (before >= room_for(criticality, entry.limit)) {
    in_flight_.fetch_sub(1, kRelaxed);
    refused_[kind].fetch_add(1, kRelaxed);
    const auto last = refused_at_.exchange(count_of(now), kRelaxed);
    entry.begins_refusing = last == 0 || count_of(now) - last > nanoseconds(kCalm).count();
    return entry;
  }
  if (before + 1 > peak_.load(kRelaxed)) peak_.store(before + 1, kRelaxed);
  admitted_[kind].fetch_add(1, kRelaxed);
  entry.place = Place(*this);
  return entry;
}

void AdaptiveConcurrency::Place::answered(TimePoint now, bool counts) {
  if (of_ == nullptr) return;
  if (counts && asked_ != TimePoint()) of_->sample(now - asked_, now);
  leave();
}

void AdaptiveConcurrency::Place::leave() {
  if (of_ != nullptr) of_->in_flight_.fetch_sub(1, kRelaxed);
  of_ = nullptr;
  asked_ = {};
}

void AdaptiveConcurrency::sample(nanoseconds latency, TimePoint now) {
  latencies_.add(latency);
  const auto samples = samples_.fetch_add(1, kRelaxed) + 1;
  auto began = window_began_.load(kRelaxed);
  if (began == 0) {
    window_began_.store(count_of(now), kRelaxed);
    return;
  }
  const auto age = count_of(now) - began;
  const bool is_over = samples >= kSamplesMin
                           ? age >= window_for_.load(kRelaxed)
                           : samples >= kSlowSamplesMin && age >= nanoseconds(kSlowWindow).count();
  if (is_over) end_window(now);
}

void AdaptiveConcurrency::end_window(TimePoint now) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  // Another worker may have ended it meanwhile.
  if (samples_.exchange(0, kRelaxed) < kSlowSamplesMin) return;
  GradientLimit::Window window;
  window.median = quantile_of(latencies_.take(LatencyBuckets::Keep::none), 0.5);
  // What is under way is in the next one from its beginning.
  window.peak = peak_.exchange(in_flight_.load(kRelaxed), kRelaxed);
  if (window.median.count() == 0) return;
  gradient_.update(window, now);
  last_median_ = window.median;
  limit_.store(gradient_.limit(), kRelaxed);
  window_for_.store(gradient_.window().count(), kRelaxed);
  window_began_.store(count_of(now), kRelaxed);
}

void AdaptiveConcurrency::change(const GradientLimit::Rules& rules) {
  const std::lock_guard lock(mutex_);
  gradient_.change(rules);
  limit_.store(gradient_.limit(), kRelaxed);
}

AdaptiveConcurrency::Numbers AdaptiveConcurrency::numbers() const {
  Numbers out;
  out.limit = limit_.load(kRelaxed);
  out.in_flight = in_flight_.load(kRelaxed);
  for (std::size_t i = 0; i < out.admitted.size(); ++i) {
    out.admitted[i] = admitted_[i].load(kRelaxed);
    out.refused[i] = refused_[i].load(kRelaxed);
  }
  const std::lock_guard lock(mutex_);
  out.measuring = gradient_.measuring();
  out.at_rest = gradient_.at_rest();
  out.median = last_median_;
  return out;
}

}  // namespace epaulet::resilience

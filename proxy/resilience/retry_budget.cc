#include "resilience/retry_budget.h"

#include <algorithm>

namespace epaulet::resilience {

void RetryBudget::first_attempt(TimePoint now) {
  const auto number = slot_number(now);
  Slot& slot = slots_[static_cast<std::size_t>(number) % kSlots];
  auto had = slot.number.load(std::memory_order_relaxed);
  // Whoever moves the slot on empties it; an increment of another worker lost at that instant makes
  // the budget smaller by one, never larger.
  if (had != number &&
      slot.number.compare_exchange_strong(had, number, std::memory_order_relaxed)) {
    slot.firsts.store(0, std::memory_order_relaxed);
  }
  slot.firsts.fetch_add(1, std::memory_order_relaxed);
}

bool RetryBudget::has_room_for(std::uint64_t more, std::int64_t number) const {
  std::uint64_t firsts = 0;
  std::uint64_t retries = 0;
  for (const Slot& slot : slots_) {
    const auto age = number - slot.number.load(std::memory_order_relaxed);
    if (age >= 0 && age < kWindowSlots) firsts += slot.firsts.load(std::memory_order_relaxed);
    const auto retries_age = number - slot.retries_number;
    if (retries_age >= 0 && retries_age <= kWindowSlots) retries += slot.retries;
  }
  const double allowed =
      std::max(ratio_ * static_cast<double>(firsts), static_cast<double>(floor_));
  return static_cast<double>(retries + more) <= allowed;
}

void RetryBudget::count_sent(std::int64_t number) {
  Slot& slot = slots_[static_cast<std::size_t>(number) % kSlots];
  if (slot.retries_number != number) {
    slot.retries_number = number;
    slot.retries = 0;
  }
  ++slot.retries;
}

bool RetryBudget::try_spend(TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto number = slot_number(now);
  if (!has_room_for(planned_ + 1, number)) return false;
  count_sent(number);
  return true;
}

bool RetryBudget::try_plan(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!has_room_for(planned_ + 1, slot_number(now))) return false;
  ++planned_;
  return true;
}

bool RetryBudget::spend_planned(TimePoint now) {
  const std::lock_guard lock(mutex_);
  --planned_;
  const auto number = slot_number(now);
  if (!has_room_for(1, number)) return false;
  count_sent(number);
  return true;
}

void RetryBudget::forget_planned() {
  const std::lock_guard lock(mutex_);
  --planned_;
}

bool PlannedRetry::plan(RetryBudget* budget, TimePoint now) {
  if (budget == nullptr) return true;
  if (!budget->try_plan(now)) return false;
  budget_ = budget;
  return true;
}

bool PlannedRetry::spend(TimePoint now) {
  RetryBudget* const budget = std::exchange(budget_, nullptr);
  return budget == nullptr || budget->spend_planned(now);
}

}  // namespace epaulet::resilience

#include "resilience/retry_budget.h"

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

bool RetryBudget::try_spend(TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto number = slot_number(now);
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
  if (static_cast<double>(retries + 1) > allowed) return false;
  Slot& slot = slots_[static_cast<std::size_t>(number) % kSlots];
  if (slot.retries_number != number) {
    slot.retries_number = number;
    slot.retries = 0;
  }
  ++slot.retries;
  return true;
}

}  // namespace epaulet::resilience

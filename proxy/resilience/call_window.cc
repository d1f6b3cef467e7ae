#include "resilience/call_window.h"

namespace epaulet::resilience {

CallWindow::Slot& CallWindow::slot_at(TimePoint now) {
  const auto number = number_of(now);
  Slot& slot = slots_[static_cast<std::size_t>(number % kSlots)];
  auto had = slot.number.load(std::memory_order_relaxed);
  // Whoever moves the slot on empties it; what another worker adds at that instant may be lost.
  if (had != number &&
      slot.number.compare_exchange_strong(had, number, std::memory_order_relaxed)) {
    slot.calls.store(0, std::memory_order_relaxed);
    slot.failures.store(0, std::memory_order_relaxed);
    slot.slow.store(0, std::memory_order_relaxed);
    slot.unjudged.store(0, std::memory_order_relaxed);
  }
  return slot;
}

void CallWindow::add(TimePoint now, bool failed, bool slow) {
  Slot& slot = slot_at(now);
  slot.calls.fetch_add(1, std::memory_order_relaxed);
  if (failed) slot.failures.fetch_add(1, std::memory_order_relaxed);
  if (slow) slot.slow.fetch_add(1, std::memory_order_relaxed);
}

void CallWindow::add_unjudged(TimePoint now) {
  Slot& slot = slot_at(now);
  slot.calls.fetch_add(1, std::memory_order_relaxed);
  slot.slow.fetch_add(1, std::memory_order_relaxed);
  slot.unjudged.fetch_add(1, std::memory_order_relaxed);
}

CallWindow::Sums CallWindow::sums(TimePoint now) const {
  const auto number = number_of(now);
  Sums sums;
  for (const Slot& slot : slots_) {
    const auto has = slot.number.load(std::memory_order_relaxed);
    // Another worker's clock may be ahead.
    if (has <= number - kWindowSlots || has > number + (kSlots - kWindowSlots) / 2) continue;
    sums.calls += slot.calls.load(std::memory_order_relaxed);
    sums.failures += slot.failures.load(std::memory_order_relaxed);
    sums.slow += slot.slow.load(std::memory_order_relaxed);
    sums.unjudged += slot.unjudged.load(std::memory_order_relaxed);
  }
  return sums;
}

void CallWindow::clear() {
  for (Slot& slot : slots_) slot.number.store(kNone, std::memory_order_relaxed);
}

}  // namespace epaulet::resilience

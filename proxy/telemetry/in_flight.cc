#include "telemetry/in_flight.h"

#include <algorithm>
#include <bit>

namespace epaulet::telemetry {
namespace {

enum Flag : std::uint32_t { kSampled = 1, kBeganAlone = 2 };

}  // namespace

std::uint64_t InFlight::key_of(std::string_view request_id) {
  if (request_id.empty()) return 0;
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a.
  for (const char c : request_id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash == 0 ? 1 : hash;
}

std::uint32_t InFlight::take_slot() {
  std::uint64_t taken = taken_.load(std::memory_order_relaxed);
  while (~taken != 0) {
    const auto free = static_cast<std::uint32_t>(std::countr_one(taken));
    if (taken_.compare_exchange_weak(taken, taken | (std::uint64_t{1} << free),
                                     std::memory_order_acq_rel))
      return free;
  }
  return Entry::kUnlisted;
}

InFlight::Entry InFlight::enter(const Request& request, TimePoint now) {
  // Before it is counted: whoever comes after that is one of the overlaps that it has not seen.
  const auto overlaps = overlaps_.load(std::memory_order_seq_cst);
  const bool alone = count_.fetch_add(1, std::memory_order_seq_cst) == 0;
  if (!alone) overlaps_.fetch_add(1, std::memory_order_seq_cst);
  if (!request.has_trace) return Entry(this, Entry::kUnlisted);
  const auto index = take_slot();
  if (index == Entry::kUnlisted) return Entry(this, index);
  Slot& slot = slots_[index];
  // Release: who sees any of what follows sees that the slot was left before.
  slot.trace_high.store(request.ids.trace_high, std::memory_order_release);
  slot.trace_low.store(request.ids.trace_low, std::memory_order_release);
  slot.span.store(request.ids.span, std::memory_order_release);
  slot.request_id.store(request.request_id, std::memory_order_release);
  slot.overlaps.store(overlaps, std::memory_order_release);
  slot.came.store(now.time_since_epoch().count(), std::memory_order_release);
  slot.flags.store((request.sampled ? kSampled : 0u) | (alone ? kBeganAlone : 0u),
                   std::memory_order_release);
  slot.order.store(orders_.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_release);
  return Entry(this, index);
}

void InFlight::free_slot(std::uint32_t index) {
  if (index == Entry::kUnlisted) return;
  slots_[index].order.store(0, std::memory_order_seq_cst);
  taken_.fetch_and(~(std::uint64_t{1} << index), std::memory_order_acq_rel);
}

void InFlight::doubt(TimePoint now) {
  const auto until = (now + kDoubtFor).time_since_epoch().count();
  auto before = doubt_until_.load(std::memory_order_relaxed);
  while (before < until && !doubt_until_.compare_exchange_weak(before, until)) {
  }
}

void InFlight::leave(std::uint32_t index) {
  free_slot(index);
  count_.fetch_sub(1, std::memory_order_seq_cst);
}

void InFlight::look(Seen& seen, TimePoint now) const {
  seen.listed = 0;
  bool began_alone = false;
  const auto overlaps = overlaps_.load(std::memory_order_seq_cst);
  for (auto rest = taken_.load(std::memory_order_acquire); rest != 0; rest &= rest - 1) {
    const Slot& slot = slots_[static_cast<std::size_t>(std::countr_zero(rest))];
    Seen::One one;
    one.order = slot.order.load(std::memory_order_acquire);
    if (one.order == 0) continue;
    // Acquire: the order below is read after these.
    one.ids = {slot.trace_high.load(std::memory_order_acquire),
               slot.trace_low.load(std::memory_order_acquire),
               slot.span.load(std::memory_order_acquire)};
    one.request_id = slot.request_id.load(std::memory_order_acquire);
    const auto flags = slot.flags.load(std::memory_order_acquire);
    const auto came = slot.came.load(std::memory_order_acquire);
    const auto since = slot.overlaps.load(std::memory_order_acquire);
    // Another's now, or on its way: what was read may be of both.
    if (slot.order.load(std::memory_order_relaxed) != one.order) continue;
    if (now - TimePoint(TimePoint::duration(came)) >= kListedFor) continue;
    one.has_trace = true;
    one.sampled = (flags & kSampled) != 0;
    began_alone = (flags & kBeganAlone) != 0 && since == overlaps;
    seen.requests[seen.listed++] = one;
  }
  seen.count = count_.load(std::memory_order_seq_cst);
  seen.is_alone = seen.count == 1 && seen.listed == 1 && began_alone &&
                  overlaps_.load(std::memory_order_seq_cst) == overlaps &&
                  doubt_until_.load() <= now.time_since_epoch().count();
}

Join join(InFlight::Seen& seen, std::uint64_t request_id) {
  Join found;
  const auto begin = seen.requests.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(seen.listed);
  const auto certain = [&found](const InFlight::Request& parent) {
    found.kind = Join::Kind::certain;
    found.request = parent;
    found.sampled = parent.sampled;
    return found;
  };
  if (request_id != 0) {
    const auto is_same = [&](const auto& one) { return one.request_id == request_id; };
    const auto same = std::find_if(begin, end, is_same);
    if (same != end && std::count_if(same, end, is_same) == 1) return certain(*same);
  }
  if (seen.is_alone) return certain(*begin);
  if (begin == end) return found;
  std::sort(begin, end, [](const auto& a, const auto& b) { return a.order > b.order; });
  found.kind = Join::Kind::guess;
  found.request = *begin;
  if (!begin->sampled && seen.count <= seen.listed) found.sampled = false;
  auto& links = found.links;
  for (auto one = begin; one != end && links.count < links.ids.size(); ++one) {
    if (one->sampled) links.ids[links.count++] = one->ids;
  }
  return found;
}

}  // namespace epaulet::telemetry

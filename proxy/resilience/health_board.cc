#include "resilience/health_board.h"

#include <utility>

namespace epaulet::resilience {

HealthBoard::Rules::Rules(const HealthCheckSettings& settings)
    : healthy_after(settings.healthy_after),
      unhealthy_after(settings.unhealthy_after),
      newcomers_wait(settings.initially == InitialHealth::unhealthy),
      panic_threshold(settings.panic_threshold) {}

std::string_view name_of(HealthBoard::State state) {
  switch (state) {
    case HealthBoard::State::unchecked:
      return "unchecked";
    case HealthBoard::State::healthy:
      return "healthy";
    case HealthBoard::State::unhealthy:
      return "unhealthy";
  }
  return "unchecked";
}

std::size_t& HealthBoard::count_of(State state) {
  switch (state) {
    case State::healthy:
      return totals_.healthy;
    case State::unhealthy:
      return totals_.unhealthy;
    case State::unchecked:
      break;
  }
  return totals_.unchecked;
}

void HealthBoard::move(State from, State to) {
  --count_of(from);
  ++count_of(to);
  if (totals_.unchecked == 0) all_were_checked_ = true;
}

void HealthBoard::adopt(std::span<const SocketAddress> endpoints) {
  const std::lock_guard lock(mutex_);
  std::map<SocketAddress, Record> next;
  for (const auto& endpoint : endpoints) {
    const auto known = records_.find(endpoint);
    next.emplace(endpoint, known == records_.end() ? Record() : std::move(known->second));
  }
  records_ = std::move(next);
  totals_.healthy = totals_.unhealthy = totals_.unchecked = 0;
  for (const auto& [endpoint, record] : records_) ++count_of(record.state);
  if (!records_.empty() && totals_.unchecked == 0) all_were_checked_ = true;
  // All of them are new: nobody is left whom they could be spared for.
  if (totals_.healthy + totals_.unhealthy == 0) all_were_checked_ = false;
}

std::optional<HealthBoard::State> HealthBoard::state_after(const Record& record) const {
  const bool is_first = record.state == State::unchecked;
  if (record.last.passed) {
    const bool is_enough = is_first || record.in_row >= rules_.healthy_after;
    return record.state != State::healthy && is_enough ? std::optional(State::healthy)
                                                       : std::nullopt;
  }
  const bool is_enough =
      record.in_row >= rules_.unhealthy_after || (is_first && rules_.newcomers_wait);
  return record.state != State::unhealthy && is_enough ? std::optional(State::unhealthy)
                                                       : std::nullopt;
}

HealthBoard::Settled HealthBoard::settle(const SocketAddress& endpoint, Finding finding,
                                         TimePoint now, TimePoint next) {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(endpoint);
  if (found == records_.end()) return {};
  Record& record = found->second;
  ++(finding.passed ? totals_.passed : totals_.failed);
  const bool continues = record.checked && record.last.passed == finding.passed;
  record.in_row = continues ? record.in_row + 1 : 1;
  record.checked = now;
  record.next = next;
  record.last = std::move(finding);
  if (!record.last.passed) record.last_failure = record.last;
  Settled settled;
  settled.in_row = record.in_row;
  settled.to = state_after(record);
  if (!settled.to) return settled;
  if (*settled.to == State::unhealthy) ++totals_.became_unhealthy;
  if (record.state == State::unhealthy) ++totals_.became_healthy;
  move(record.state, *settled.to);
  record.state = *settled.to;
  record.since = now;
  return settled;
}

/// Whether enough are well for the others to be left out.
bool HealthBoard::is_heeded() const {
  // Who was not checked yet counts for what it is used as.
  const auto well = totals_.healthy + (rules_.newcomers_wait ? 0 : totals_.unchecked);
  const auto known = well + totals_.unhealthy;
  return well > 0 &&
         static_cast<double>(well) >= rules_.panic_threshold * static_cast<double>(known);
}

bool HealthBoard::is_left_out(State state) const {
  switch (state) {
    case State::healthy:
      return false;
    case State::unhealthy:
      return is_heeded();
    case State::unchecked:
      return rules_.newcomers_wait && all_were_checked_ && totals_.healthy > 0;
  }
  return false;
}

bool HealthBoard::is_left_out(const SocketAddress& endpoint) const {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(endpoint);
  return is_left_out(found == records_.end() ? State::unchecked : found->second.state);
}

HealthBoard::Totals HealthBoard::totals() const {
  const std::lock_guard lock(mutex_);
  auto totals = totals_;
  totals.panics = totals_.unhealthy > 0 && !is_heeded();
  return totals;
}

std::vector<HealthBoard::Entry> HealthBoard::entries() const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> entries;
  entries.reserve(records_.size());
  for (const auto& [address, record] : records_) {
    Entry entry;
    entry.address = address;
    entry.state = record.state;
    entry.is_left_out = is_left_out(record.state);
    entry.since = record.since;
    entry.in_row = record.in_row;
    entry.checked = record.checked;
    entry.next = record.next;
    entry.last = record.last;
    entry.last_failure = record.last_failure;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace epaulet::resilience

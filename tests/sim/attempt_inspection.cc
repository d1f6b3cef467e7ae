#include <algorithm>

#include "base/limits.h"
#include "inspection.h"

// How often an exchange is tried, and how often it may then have been delivered.
namespace epaulet::sim {
namespace {

using telemetry::Event;

std::size_t count_of(const telemetry::Trace& trace, Event event) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) count += trace[i].event == event ? 1 : 0;
  return count;
}

/// An app that was asked, or was to be.
std::size_t picks_of(const telemetry::Trace& trace) {
  return count_of(trace, Event::endpoint_picked) + count_of(trace, Event::hedged);
}

/// One backend's: a stale connection, or streams that were promised not to have been looked at.
constexpr std::size_t kResendsMost = 1 + limits::kUnprocessedRetriesMax;

}  // namespace

void Inspection::inspect_attempts(const telemetry::ExchangeRecord& record) {
  if (outside_) return expect(record.attempts <= 1, "the hop before an app tried again");
  // What stands in for a backend has retries of its own.
  const std::size_t backends = feature() == Feature::backend_fallback ? 2 : 1;
  expect(record.attempts <= backends * (1 + scenario_.retries_most),
         "more attempts than retries.max allows");
  if (record.trace.dropped() > 0) return;
  expect(picks_of(record.trace) <= record.attempts + backends * kResendsMost,
         "sent again more often than a stale connection is a reason for");
}

void Inspection::inspect_repeats(const Exchanged& exchanged) {
  const auto is_ours = [this](const telemetry::ExchangeRecord& record) {
    return record.request_id.view() == id_text(id_);
  };
  std::size_t most = outside_ ? 1 : 0;
  if (!outside_) {
    for (const auto& record : mesh_.api.exchanges()) {
      if (!is_ours(record)) continue;
      if (record.trace.dropped() > 0) return;
      most += picks_of(record.trace);
    }
  }
  // The hop before the app may send again what a kept connection has lost.
  for (const auto& record : mesh_.api2.exchanges()) {
    if (!is_ours(record)) continue;
    if (record.trace.dropped() > 0) return;
    most += count_of(record.trace, Event::retry_decided);
  }
  expect(exchanged.deliveries.size() <= most, "delivered more often than it was sent");
}

}  // namespace epaulet::sim

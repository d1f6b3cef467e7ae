#include "budget_inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "path/detecting.h"

namespace epaulet::sim {
namespace {

using path::Spoken;
using telemetry::Event;

/// A trace counts whole microseconds since a start that is exact: what it says happened at a time
/// happened within this of it, and what is begun meanwhile may have come first.
constexpr std::chrono::microseconds kTruncated{1};

/// Of one service.
struct Spending {
  std::vector<TimePoint> firsts;
  std::vector<TimePoint> retries;
};
using ByService = std::map<telemetry::StringId, Spending>;

/// When the retry that is decided there was sent, microseconds behind the trace's start. Nothing:
/// it never was, since its caller left before, say, or the budget had no room for it by then.
std::optional<std::uint64_t> sent_at(const telemetry::Trace& trace, std::size_t decided) {
  for (std::size_t i = decided + 1; i < trace.size(); ++i) {
    const auto event = trace[i].event;
    if (event == Event::retry_decided) return std::nullopt;
    if (event == Event::endpoint_picked || event == Event::dialling ||
        event == Event::connection_reused || event == Event::request_sent)
      return trace[i].at_us;
  }
  if (trace.dropped() == 0) return std::nullopt;
  return std::uint64_t{trace[decided].at_us} + trace[decided].a;  // Once it has waited.
}

/// Returns how many second attempts of hedges it had.
std::size_t note(const telemetry::ExchangeRecord& record, Spending& spending) {
  spending.firsts.push_back(record.start);
  std::size_t hedges = 0;
  for (std::size_t i = 0; i < record.trace.size(); ++i) {
    const auto& entry = record.trace[i];
    hedges += entry.event == Event::hedged ? 1 : 0;
    std::optional<std::uint64_t> sent;
    if (entry.event == Event::hedged) sent = entry.at_us;
    if (entry.event == Event::retry_decided) sent = sent_at(record.trace, i);
    if (sent) spending.retries.push_back(record.start + std::chrono::microseconds(*sent));
  }
  return hedges;
}

/// Of an opaque connection each endpoint behind the first is a retry. One that was dialled for
/// before it was known to be opaque is a first attempt from when that was known.
void note(const telemetry::ConnectionRecord& record, Spending& spending) {
  bool was_detected = false;
  bool was_dialled = false;
  bool is_routed = false;  // By a service; who dials an endpoint itself has no budget.
  for (std::size_t i = 0; i < record.trace.size(); ++i) {
    const auto& entry = record.trace[i];
    const auto at = record.trace.start() + std::chrono::microseconds(entry.at_us);
    if (entry.event == Event::detected) {
      was_detected = true;
      const auto spoken = static_cast<Spoken>(entry.a);
      if (was_dialled && spoken != Spoken::http1 && spoken != Spoken::http2)
        spending.firsts.push_back(at);
    }
    is_routed = is_routed || entry.event == Event::routed;
    if (!is_routed || entry.event != Event::endpoint_picked) continue;
    if (was_dialled) {
      spending.retries.push_back(at);
    } else if (was_detected) {
      spending.firsts.push_back(at);
    }
    was_dialled = true;
  }
}

}  // namespace

std::vector<std::string> budget_problems(const Sidecar& sidecar, const BudgetOf& of) {
  std::vector<std::string> problems;
  ByService by_service;
  for (const auto& record : sidecar.exchanges()) {
    if (note(record, by_service[record.service]) > 1)
      problems.emplace_back("an exchange was hedged twice");
  }
  for (const auto& record : sidecar.connections()) {
    if (record.direction == telemetry::Direction::outbound)
      note(record, by_service[record.service]);
  }
  for (const auto& [service, spending] : by_service) {
    const auto name = telemetry::text_of(service);
    const auto budget = of(name);
    for (const auto at : spending.retries) {
      const auto count = [at](const std::vector<TimePoint>& times, Duration later) {
        return std::count_if(times.begin(), times.end(), [&](TimePoint time) {
          return time <= at + later && at - time < std::chrono::seconds(10);
        });
      };
      const auto firsts = count(spending.firsts, kTruncated);
      const auto retries = count(spending.retries, Duration::zero());
      const double most =
          std::max(budget.share * static_cast<double>(firsts), static_cast<double>(budget.floor));
      if (static_cast<double>(retries) > most)
        problems.push_back(fmt::format("{} retries of {} requests to {}", retries, firsts, name));
    }
  }
  return problems;
}

}  // namespace epaulet::sim

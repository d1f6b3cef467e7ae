#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "inspection.h"

// What a seed's feature promises, and what it explains.
namespace epaulet::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::Counter;
using telemetry::Event;
using telemetry::ExchangeRecord;

constexpr std::string_view kAccepted = "Accepted; to be delivered.\n";

std::optional<TimePoint> when_of(const ExchangeRecord& record, Event event) {
  for (std::size_t i = 0; i < record.trace.size(); ++i) {
    if (record.trace[i].event == event) return record.start + microseconds(record.trace[i].at_us);
  }
  return std::nullopt;
}

}  // namespace

bool Inspection::was_refused_on_purpose() const {
  if (feature() != Feature::fault && feature() != Feature::rate_limit) return false;
  const auto records = mesh_.api.exchanges();
  return std::any_of(records.begin(), records.end(), [this](const auto& record) {
    return record.request_id.view() == id_text(id_) &&
           (record.error.code == ErrorCode::fault_injected ||
            record.error.code == ErrorCode::rate_limited);
  });
}

bool Inspection::is_for_later(const Exchanged& exchanged) const {
  return feature() == Feature::background && !exchanged.request.grpc;
}

bool Inspection::is_accepted(const Exchanged& exchanged) const {
  const Message& response = exchanged.response;
  const auto text = exchanged.request.method == "HEAD" ? std::string_view() : kAccepted;
  return is_for_later(exchanged) && response.status() == 202 && response.body == text;
}

/// Nothing goes wrong: once, unless the app says that it has failed, or a connection that was kept
/// ends.
void Inspection::inspect_calm_delivery(const Exchanged& exchanged) {
  if (scenario_.drains || breaker_may_be_open()) return;
  // Who may have few connections waits for one, for longer than `give_up_after` perhaps: then it is
  // counted as dropped, which inspect_background() sees.
  const bool has_few = scenario_.options.service.find("limits: { connections") != std::string::npos;
  if (has_few && exchanged.deliveries.empty()) return;
  expect(!exchanged.deliveries.empty(), "accepted, and delivered to nobody");
  if (exchanged.answer.early_after || scenario_.idle_ends || scenario_.goodbyes) return;
  if (exchanged.answer.status >= 500) return;
  expect(exchanged.deliveries.size() == 1 || was_hedged(), "delivered more than once");
}

/// The answer to another GET, which may stand in for a failure while it is good.
void Inspection::inspect_kept_answer(const Exchanged& exchanged) {
  const Message& response = exchanged.response;
  const auto says = response.field("cache-status").value_or("");
  expect(says.find("stale-if-error") != std::string::npos, "an old answer that does not say so");
  const auto text = response.field("age").value_or("");
  int age = -1;
  (void)std::from_chars(text.data(), text.data() + text.size(), age);
  expect(age >= 0 && age <= kKeptSeconds, "an answer that was kept for too long");
}

/// What the route does to requests, it does to those alone, and nobody is asked.
void Inspection::inspect_purpose(const ExchangeRecord& record, const Exchanged& exchanged) {
  const auto code = record.error.code;
  if (code == ErrorCode::fault_injected) {
    expect(feature() == Feature::fault, "a fault of no route");
    expect(exchanged.deliveries.empty(), "asked, though a fault was injected");
    if (exchanged.answered && !exchanged.request.grpc)
      expect(exchanged.response.status() == kInjectedStatus, "another fault was injected");
  }
  if (code == ErrorCode::rate_limited) {
    expect(feature() == Feature::rate_limit, "a limit of no route");
    expect(exchanged.deliveries.empty(), "asked beyond a limit");
    if (exchanged.answered && !exchanged.request.grpc) {
      const Message& response = exchanged.response;
      expect(response.status() == 429 && response.field("retry-after").has_value() &&
                 response.field("ratelimit-limit").has_value(),
             "refused by a limit without saying so");
    }
  }
  if (feature() != Feature::fault) return;
  const auto delayed = when_of(record, Event::fault_delayed);
  const auto picked = when_of(record, Event::endpoint_picked);
  if (record.shaped == telemetry::Shaped::delayed) {
    expect(delayed.has_value() || record.trace.dropped() > 0, "held up in secret");
  }
  if (delayed && picked)
    expect(*picked - record.start >= milliseconds(100), "asked before its delay was over");
}

/// Whatever is accepted is delivered, or counted as given up.
void Inspection::inspect_background() {
  const auto told = [this](bool holds, std::string_view otherwise) {
    if (!holds) problems.emplace_back(otherwise);
  };
  const Sidecar& api = mesh_.api;
  const auto accepted = api.counted(Counter::background_accepted);
  const auto delivered = api.counted(Counter::background_delivered);
  std::uint64_t dropped = 0;
  for (const auto counter :
       {Counter::background_dropped_refused, Counter::background_dropped_tries,
        Counter::background_dropped_late, Counter::background_dropped_shutdown})
    dropped += api.counted(counter);
  told(accepted == delivered + dropped, "accepted, and neither delivered nor given up");
  told(api.gauge(telemetry::Gauge::background_waiting) == 0, "something waits for ever");
  if (feature_ != Feature::background) return told(accepted == 0, "accepted by no route");
  std::uint64_t taken = 0;
  std::uint64_t came = 0;
  for (const auto& record : api.exchanges()) {
    if (!when_of(record, Event::taken_for_later)) continue;
    ++taken;
    const auto found = std::find_if(
        mesh_.ledger.begin(), mesh_.ledger.end(),
        [&record](const auto& one) { return id_text(one.first) == record.request_id.view(); });
    if (found == mesh_.ledger.end()) continue;
    const auto& deliveries = found->second.deliveries;
    came += std::any_of(deliveries.begin(), deliveries.end(),
                        [](const Delivery& delivery) { return delivery.head_sent != TimePoint(); });
  }
  told(taken == accepted, "accepted without a report");
  told(delivered <= came, "counted as delivered, and answered by nobody");
}

/// In any time the bucket lets through what it holds and what flows in.
void Inspection::inspect_rates() {
  if (feature_ != Feature::rate_limit) return;
  std::vector<TimePoint> passed;
  for (const auto& record : mesh_.api.exchanges()) {
    if (telemetry::text_of(record.service) != "api2.default") continue;
    if (!when_of(record, Event::endpoint_picked)) continue;
    if (const auto at = when_of(record, Event::routed)) passed.push_back(*at);
  }
  std::sort(passed.begin(), passed.end());
  for (std::size_t i = 0; i < passed.size(); ++i) {
    for (std::size_t j = i; j < passed.size(); ++j) {
      const std::chrono::duration<double> time = passed[j] - passed[i] + microseconds(1);
      if (static_cast<double>(j - i + 1) <= kRate + kRate * time.count() + 1e-6) continue;
      return problems.push_back(
          fmt::format("{} requests in {} s passed a limit", j - i + 1, time.count()));
    }
  }
}

/// Nobody leaves a zone that is well.
void Inspection::inspect_zones() {
  if (feature_ != Feature::locality || !is_calm(scenario_) || scenario_.endpoints_change) return;
  if (scenario_.options.zones.empty() || scenario_.drains || scenario_.trust_changes) return;
  const bool all_well = std::none_of(mesh_.ledger.begin(), mesh_.ledger.end(), [](const auto& one) {
    return one.second.answer.status >= 500 || one.second.answer.early_after;
  });
  if (all_well && mesh_.api.counted(Counter::zone_picks_other) > 0)
    problems.emplace_back("another zone was asked, though the own one was well");
}

}  // namespace epaulet::sim

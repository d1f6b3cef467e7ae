#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

#include "base/error_table.h"
#include "telemetry/explain_json.h"
#include "telemetry/outcome.h"
#include "telemetry/utf8.h"

namespace epaulet::telemetry {
namespace {

enum class Means : std::uint8_t { nothing, text, number, flag, error, protocol, pick, zone };

struct EventRow {
  Event event;
  std::string_view code;
  std::string_view a;
  Means a_means;
  std::string_view b = {};
  Means b_means = Means::nothing;
};

constexpr std::size_t kEvents = static_cast<std::size_t>(Event::count_);

/// What trace.h says of a and b, for machines.
constexpr std::array<EventRow, kEvents> kRows{{
    {Event::accepted, "accepted", "peer", Means::text},
    {Event::tls_accepted, "tls_accepted", "peer", Means::text, "resumed", Means::flag},
    {Event::tls_refused, "tls_refused", "diagnosis", Means::text},
    {Event::detected, "detected", "protocol", Means::protocol},
    {Event::head_read, "head_read", "bytes", Means::number},
    {Event::routed, "routed", "route", Means::text, "backend", Means::text},
    {Event::authenticated, "authenticated", "peer", Means::text, "token", Means::flag},
    {Event::token_refused, "token_refused", "reason", Means::text},
    {Event::allowed, "allowed", "rule", Means::text, "source", Means::text},
    {Event::denied, "denied", "rule", Means::text, "source", Means::text},
    {Event::permit_waited, "permit_waited", "waited_us", Means::number},
    {Event::endpoint_picked, "endpoint_picked", "endpoint", Means::text, "attempt", Means::pick},
    {Event::connection_reused, "connection_reused", "idle_us", Means::number},
    {Event::dialling, "dialling", "endpoint", Means::text},
    {Event::connected, "connected", "took_us", Means::number},
    {Event::upstream_tls_done, "upstream_tls_done", "peer", Means::text, "resumed", Means::flag},
    {Event::upstream_tls_failed, "upstream_tls_failed", "diagnosis", Means::text},
    {Event::request_sent, "request_sent", "body_bytes", Means::number},
    {Event::response_head, "response_head", "status", Means::number},
    {Event::attempt_failed, "attempt_failed", "outcome", Means::error, "detail", Means::number},
    {Event::retry_decided, "retry_decided", "backoff_us", Means::number},
    {Event::retry_refused, "retry_refused", "reason", Means::text},
    {Event::body_done, "body_done", "body_bytes", Means::number},
    {Event::answered_by_us, "answered_by_us", "status", Means::number},
    {Event::upstream_reason, "upstream_reason", "reason", Means::text},
    {Event::ended, "ended", "outcome", Means::error},
    {Event::breaker_refused, "breaker_refused", "reason", Means::text, "left_ms", Means::number},
    {Event::breaker_changed, "breaker_changed", "change", Means::text, "open_ms", Means::number},
    {Event::endpoint_ejected, "endpoint_ejected", "endpoint", Means::text, "for_ms", Means::number},
    {Event::endpoint_restored, "endpoint_restored", "endpoint", Means::text},
    {Event::roles_compared, "roles_compared", "allowed", Means::text, "held", Means::text},
    {Event::key_accepted, "key_accepted", "owner", Means::text},
    {Event::key_refused, "key_refused", "reason", Means::text},
    {Event::rate_limited, "rate_limited", "limit", Means::text, "left_ms", Means::number},
    {Event::taken_for_later, "taken_for_later", "bytes", Means::number},
    {Event::fell_back, "fell_back", "to", Means::text, "status", Means::number},
    {Event::audited, "audited", "would_be", Means::error, "rule", Means::text},
    {Event::stream_opened, "stream_opened", {}, Means::nothing},
    {Event::redirected, "redirected", "status", Means::number, "source", Means::text},
    {Event::fault_delayed, "fault_delayed", "for_us", Means::number, "source", Means::text},
    {Event::fault_aborted, "fault_aborted", "status", Means::number, "source", Means::text},
    {Event::followed, "followed", "ended", Means::text, "waited_us", Means::number},
    {Event::mirrored, "mirrored", "to", Means::text},
    {Event::overloaded, "overloaded", "criticality", Means::text, "limit", Means::number},
    {Event::hedged, "hedged", "endpoint", Means::text, "after_us", Means::number},
    {Event::hedge_won, "hedge_won", "endpoint", Means::text, "by_hedge", Means::flag},
    {Event::hedge_refused, "hedge_refused", "reason", Means::text},
    {Event::preflight, "preflight", "status", Means::number, "source", Means::text},
    {Event::left_zone, "left_zone", "for_zone", Means::text, "own_zone_well", Means::zone},
}};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kEvents; ++i) {
    if (kRows[i].event != static_cast<Event>(i)) return false;
  }
  return true;
}
static_assert(rows_are_in_order(), "one row for each event, in the order of the enum");

std::string_view outcome_of(std::uint32_t code) {
  if (code >= static_cast<std::uint32_t>(ErrorCode::count_)) return "unknown";
  return outcome_name(static_cast<ErrorCode>(code));
}

std::string_view protocol_name(std::uint32_t value) {
  static constexpr std::array<std::string_view, 4> kNames{"http1", "http2", "tls", "opaque"};
  return value < kNames.size() ? kNames[value] : "unknown";
}

void add(boost::json::object& out, std::string_view name, Means means, std::uint32_t value) {
  switch (means) {
    case Means::nothing:
      break;
    case Means::text:
      if (value != 0) out[name] = valid_utf8(text_of(value));
      break;
    case Means::number:
      out[name] = value;
      break;
    case Means::pick:
      out[name] = value & 0xff;
      if (value >> 8 != 0) out["balancer"] = text_of(value >> 8);
      break;
    case Means::zone:
      out[name] = value >> 16;
      out["own_zone_endpoints"] = value & 0xffff;
      break;
    case Means::flag:
      out[name] = value != 0;
      break;
    case Means::error:
      out[name] = outcome_of(value);
      break;
    case Means::protocol:
      out[name] = protocol_name(value);
      break;
  }
}

/// Collects what belongs to one attempt while walking over the events.
class AttemptList {
 public:
  void see(const Trace::Entry& entry) {
    if (entry.event == Event::endpoint_picked || entry.event == Event::dialling) {
      open(entry);
      if (entry.a != 0) (*current_)["endpoint"] = valid_utf8(text_of(entry.a));
      if (entry.event == Event::dialling) (*current_)["reused"] = false;
    } else if (entry.event == Event::connection_reused) {
      open(entry);
      (*current_)["reused"] = true;
    } else if (entry.event == Event::stream_opened) {
      open(entry);
      (*current_)["multiplexed"] = true;
    } else if (entry.event == Event::upstream_tls_done && current_) {
      if (entry.a != 0) (*current_)["peer"] = valid_utf8(text_of(entry.a));
    } else if (entry.event == Event::hedge_won) {
      open(entry);
      (*current_)["hedge"] = true;
      if (entry.a != 0) (*current_)["endpoint"] = valid_utf8(text_of(entry.a));
    } else if (entry.event == Event::response_head) {
      open(entry);
      (*current_)["status"] = entry.a;
    } else if (entry.event == Event::attempt_failed) {
      open(entry);
      close(outcome_of(entry.a), entry.stage, entry.at_us);
    }
  }
  [[nodiscard]] boost::json::array finish(const Error& ended_with, std::uint32_t at_us) {
    if (current_) close(outcome_name(ended_with.code), ended_with.stage, at_us);
    return std::move(attempts_);
  }

 private:
  void open(const Trace::Entry& entry) {
    if (current_) return;
    current_.emplace();
    (*current_)["number"] = attempts_.size() + 1;
    (*current_)["begun_us"] = entry.at_us;
  }
  void close(std::string_view outcome, Stage stage, std::uint32_t at_us) {
    (*current_)["outcome"] = outcome;
    if (outcome != "ok") (*current_)["stage"] = name_of(stage);
    (*current_)["at_us"] = at_us;
    attempts_.push_back(std::move(*current_));
    current_.reset();
  }

  boost::json::array attempts_;
  std::optional<boost::json::object> current_;
};

}  // namespace

boost::json::object words_of(Event event, std::uint32_t a, std::uint32_t b) {
  const auto& row = kRows[std::min(static_cast<std::size_t>(event), kEvents - 1)];
  boost::json::object out;
  out["code"] = row.code;
  add(out, row.a, row.a_means, a);
  add(out, row.b, row.b_means, b);
  return out;
}

boost::json::array events_of(const Trace& trace) {
  boost::json::array events;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const auto& entry = trace[i];
    const auto& row = kRows[std::min(static_cast<std::size_t>(entry.event), kEvents - 1)];
    boost::json::object out;
    out["stage"] = name_of(entry.stage);
    out["code"] = row.code;
    out["at_us"] = entry.at_us;
    add(out, row.a, row.a_means, entry.a);
    add(out, row.b, row.b_means, entry.b);
    events.push_back(std::move(out));
  }
  return events;
}

boost::json::array attempts_of(const Trace& trace, const Error& ended_with) {
  AttemptList list;
  for (std::size_t i = 0; i < trace.size(); ++i) list.see(trace[i]);
  return list.finish(ended_with, trace.size() == 0 ? 0 : trace[trace.size() - 1].at_us);
}

}  // namespace epaulet::telemetry

#include "telemetry/explain_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <initializer_list>

#include "telemetry/utf8.h"

namespace epaulet::telemetry {
namespace {

using boost::json::object;
using boost::json::value;

/// Terminals obey control characters.
std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    const auto sequence = text.substr(0, length);
    const auto lead = static_cast<unsigned char>(sequence[0]);
    const bool control = lead < 0x20 || lead == 0x7F || is_c1_control(sequence);
    out += control ? std::string_view("?") : sequence;
    text.remove_prefix(length);
  }
  return out;
}

std::string plain(const value& from) {
  if (const auto* text = from.if_string()) return harmless({text->data(), text->size()});
  return harmless(boost::json::serialize(from));
}

/// "" if the member is absent.
std::string member(const object& record, std::string_view name) {
  const auto* found = record.if_contains(name);
  return found == nullptr || found->is_null() ? "" : plain(*found);
}

/// How it ended, short: a status with its outcome, or the outcome alone.
std::string ending_of(const object& record) {
  if (const std::string grpc = member(record, "grpc_status"); !grpc.empty())
    return fmt::format("gRPC {} {}", grpc, member(record, "outcome"));
  const std::string status = member(record, "status");
  const std::string outcome = member(record, "outcome");
  if (status.empty() || status == "0") return outcome;
  return fmt::format("{} {}", status, outcome);
}

void put_fact(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) out += fmt::format("  {:<10} {}\n", name, text);
}

std::string rule_text(const object& record) {
  const auto* found = record.if_contains("rule");
  const auto* rule = found == nullptr ? nullptr : found->if_object();
  if (rule == nullptr) return {};
  return fmt::format("{}  ({})", member(*rule, "name"), member(*rule, "source"));
}

/// All members but those named, as name=value.
std::string rest_of(const object& from, std::initializer_list<std::string_view> without) {
  std::string out;
  for (const auto& each : from) {
    const std::string_view key(each.key().data(), each.key().size());
    if (std::find(without.begin(), without.end(), key) != without.end()) continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : "  ", harmless(key), plain(each.value()));
  }
  return out;
}

double milliseconds(const object& event) {
  const auto* at = event.if_contains("at_us");
  if (at == nullptr || !at->is_number()) return 0;
  return at->to_number<double>() / 1000;
}

void put_attempts(std::string& out, const object& record) {
  const auto* found = record.if_contains("attempts");
  const auto* attempts = found == nullptr ? nullptr : found->if_array();
  if (attempts == nullptr) return;
  for (const auto& each : *attempts) {
    if (!each.is_object()) continue;
    const object& attempt = each.get_object();
    const auto label = fmt::format("attempt {}", member(attempt, "number"));
    put_fact(out, label, rest_of(attempt, {"number", "begun_us", "at_us"}));
  }
}

void put_timeline(std::string& out, const object& record) {
  const auto* found = record.if_contains("events");
  const auto* events = found == nullptr ? nullptr : found->if_array();
  if (events == nullptr || events->empty()) return;
  out += "\n";
  for (const auto& each : *events) {
    if (!each.is_object()) continue;
    const object& event = each.get_object();
    std::string line =
        fmt::format("  {:>10.3f} ms  {:<12} {:<18} {}", milliseconds(event), member(event, "stage"),
                    member(event, "code"), rest_of(event, {"stage", "code", "at_us"}));
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  const std::string dropped = member(record, "events_dropped");
  if (!dropped.empty()) {
    out += fmt::format("  ({} more before the last one were not kept)\n", dropped);
  }
}

void put_record(std::string& out, const object& record) {
  out += fmt::format("{}  {}  {}\n", member(record, "kind"), member(record, "id"),
                     member(record, "time"));
  out += fmt::format("  {}\n", member(record, "summary"));
  put_fact(out, "remedy", member(record, "remedy"));
  out += "\n";
  put_fact(out, "outcome", ending_of(record));
  put_fact(out, "rule", rule_text(record));
  for (const std::string_view name :
       {"direction", "service", "route", "backend", "method", "name", "rcode", "cause", "peer",
        "multiplexed", "hedged", "criticality", "endpoint", "downstream", "destination", "trace_id",
        "span_id"}) {
    put_fact(out, name, member(record, name));
  }
  put_fact(out, "next hop", member(record, "reason_from_upstream"));
  put_attempts(out, record);
  put_timeline(out, record);
}

/// The records of a page, or nothing if it is not one.
std::optional<boost::json::array> records_of(std::string_view page) {
  boost::system::error_code error;
  const value parsed = boost::json::parse(page, error);
  if (error || !parsed.is_object()) return std::nullopt;
  const auto* records = parsed.get_object().if_contains("records");
  if (records == nullptr || !records->is_array()) return std::nullopt;
  for (const auto& each : records->get_array()) {
    if (!each.is_object()) return std::nullopt;
  }
  return records->get_array();
}

}  // namespace

std::optional<std::string> explain_list_text(std::string_view page) {
  const auto records = records_of(page);
  if (!records) return std::nullopt;
  if (records->empty()) return "nothing failed or was slow, as far as this sidecar remembers\n";
  std::string out;
  for (const auto& each : *records) {
    const object& record = each.get_object();
    out +=
        fmt::format("{}  {:<9}  {}  {}\n    {}\n", member(record, "time"), member(record, "kind"),
                    member(record, "id"), ending_of(record), member(record, "summary"));
  }
  return out;
}

std::optional<std::string> explain_record_text(std::string_view page) {
  const auto records = records_of(page);
  if (!records) return std::nullopt;
  std::string out;
  for (const auto& each : *records) {
    if (!out.empty()) out += "\n";
    put_record(out, each.get_object());
  }
  return out;
}

}  // namespace epaulet::telemetry

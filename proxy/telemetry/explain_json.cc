#include "telemetry/explain_json.h"

#include <boost/json.hpp>

#include "base/error_table.h"
#include "base/stream_error.h"
#include "telemetry/explain_summary.h"
#include "telemetry/outcome.h"
#include "telemetry/plain_text.h"
#include "telemetry/utf8.h"

namespace epaulet::telemetry {
namespace {

using boost::json::object;

std::int64_t microseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

object begin_record(const RequestId& id, std::string_view kind, WallTime time) {
  object out;
  out["id"] = valid_utf8(id.view());
  out["kind"] = kind;
  out["time"] = TimeText(time).view();
  return out;
}

void add_text(object& out, std::string_view name, StringId id) {
  if (id != 0) out[name] = valid_utf8(text_of(id));
}

void add_address(object& out, std::string_view name, const SocketAddress& address) {
  if (address.port != 0) out[name] = address.to_string();
}

void add_rule(object& out, StringId rule, StringId origin) {
  if (rule == 0) return;
  object value;
  value["name"] = valid_utf8(text_of(rule));
  value["source"] = valid_utf8(text_of(origin));
  out["rule"] = std::move(value);
}

void add_outcome(object& out, const Error& error, std::string_view summary, std::string remedy) {
  out["outcome"] = outcome_name(error.code);
  if (error.code != ErrorCode::none) {
    out["stage"] = name_of(error.stage);
    out["side"] = name_of(error.side);
    if (const auto number = stream_error_in(error.detail)) {
      out["http2_error"] = name_of_stream_error(*number);
    } else if (error.detail != 0) {
      out["detail"] = error.detail;
    }
  }
  out["summary"] = valid_utf8(summary);
  if (!remedy.empty()) out["remedy"] = std::move(remedy);
}

void add_events(object& out, const Trace& trace) {
  out["events"] = events_of(trace);
  if (trace.dropped() > 0) out["events_dropped"] = trace.dropped();
}

}  // namespace

object to_json(const KeptExchange& kept) {
  const ExchangeRecord& record = kept.record;
  object out = begin_record(record.request_id, "exchange", kept.time);
  out["direction"] = name_of(record.direction);
  out["service"] = valid_utf8(text_of(record.service));
  add_text(out, "route", record.route);
  add_text(out, "backend", record.backend);
  out["method"] = valid_utf8(method_of(record));
  out["status"] = record.status;
  if (record.grpc_status) out["grpc_status"] = *record.grpc_status;
  out["slow"] = kept.slow;
  out["duration_us"] = microseconds(record.end - record.start);
  add_outcome(out, record.error, summary_of(record, kept.slow), remedy_of(record));
  add_rule(out, record.rule, record.rule_origin);
  out["tls"] = record.mesh_tls;
  if (record.multiplexed) out["multiplexed"] = true;
  if (record.hedged != Hedged::no) out["hedged"] = name_of(record.hedged);
  add_text(out, "criticality", record.criticality);
  add_text(out, "peer", record.peer);
  add_text(out, "endpoint", record.endpoint);
  if (record.endpoint == 0) add_address(out, "endpoint", record.upstream);
  add_address(out, "downstream", record.downstream);
  if (record.trace_id[0] != '\0') {
    out["trace_id"] = std::string_view(record.trace_id.data(), record.trace_id.size());
  }
  if (record.span_id[0] != '\0') {
    out["span_id"] = std::string_view(record.span_id.data(), record.span_id.size());
  }
  add_text(out, "reason_from_upstream", upstream_reason(record.trace));
  out["attempts"] = attempts_of(record.trace, record.error);
  add_events(out, record.trace);
  return out;
}

object to_json(const KeptConnection& kept) {
  const ConnectionRecord& record = kept.record;
  object out = begin_record(record.id, name_of(record.kind), kept.time);
  out["direction"] = name_of(record.direction);
  out["service"] = valid_utf8(text_of(record.service));
  out["duration_us"] = microseconds(record.end - record.trace.start());
  add_outcome(out, record.error, summary_of(record), remedy_of(record));
  add_rule(out, record.rule, record.rule_origin);
  out["tls"] = record.mesh_tls;
  add_text(out, "peer", record.peer);
  add_text(out, "endpoint", record.endpoint);
  add_text(out, "diagnosis", record.diagnosis);
  add_address(out, "downstream", record.downstream);
  add_address(out, "destination", record.destination);
  out["bytes_received"] = record.bytes_received;
  out["bytes_sent"] = record.bytes_sent;
  add_events(out, record.trace);
  return out;
}

object to_json(const KeptDns& kept) {
  object out = begin_record(kept.id, "dns", kept.time);
  out["direction"] = "outbound";  // An app's query is the first step of dialling.
  out["service"] = valid_utf8(text_of(kept.service));
  out["name"] = valid_utf8(kept.name());
  out["type"] = kept.type;
  out["rcode"] = valid_utf8(kept.rcode());
  add_outcome(out, kept.error, kept.summary(), std::string(describe(kept.error.code).remedy));
  if (kept.cause != ErrorCode::none) out["cause"] = outcome_name(kept.cause);
  add_address(out, "downstream", kept.client);
  out["events"] = boost::json::array();
  return out;
}

}  // namespace epaulet::telemetry

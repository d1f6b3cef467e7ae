#include "telemetry/access_log.h"

#include "telemetry/explain_summary.h"
#include "telemetry/outcome.h"
#include "telemetry/plain_text.h"

namespace epaulet::telemetry {
namespace {

std::int64_t microseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

void begin_line(JsonLine& line, WallTime time, bool failed, std::string_view kind,
                const RequestId& id) {
  line.text("time", TimeText(time).view());
  line.text("level", failed ? "warning" : "info").text("kind", kind).text("id", id.view());
}

void write_rule(JsonLine& line, StringId rule, StringId origin) {
  if (rule == 0) return;
  line.begin("rule").text("name", text_of(rule)).text("source", text_of(origin)).end();
}

/// What audit mode let through.
template <class Record>
void write_audit(JsonLine& line, const Record& record) {
  if (record.audited == ErrorCode::none) return;
  line.begin("audit").text("would_be", outcome_name(record.audited));
  line.text_if("rule", text_of(record.audit_rule));
  line.text_if("source", text_of(record.audit_origin)).end();
}

void write_address(JsonLine& line, std::string_view name, const SocketAddress& address) {
  if (address.port != 0) line.text(name, AddressText(address).view());
}

void write_endpoint(JsonLine& line, StringId endpoint, const SocketAddress& address) {
  if (endpoint != 0) {
    line.text("endpoint", text_of(endpoint));
  } else {
    write_address(line, "endpoint", address);
  }
}

void write_failure(JsonLine& line, const Error& error, std::string_view summary) {
  if (error.code != ErrorCode::none) {
    line.text("stage", name_of(error.stage)).text("side", name_of(error.side));
  }
  line.text("summary", summary);
}

}  // namespace

void write_line(const ExchangeRecord& record, WallTime time, JsonLine& line) {
  const bool failed = has_failed(record);
  begin_line(line, time, failed, "exchange", record.request_id);
  line.text("direction", name_of(record.direction)).text("service", text_of(record.service));
  line.text_if("route", text_of(record.route)).text_if("backend", text_of(record.backend));
  line.text("method", method_of(record)).number("status", record.status);
  if (record.grpc_status) line.number("grpc_status", *record.grpc_status);
  line.text("outcome", outcome_name(record.error.code));
  line.text("flag", describe(record.error.code).flag);
  line.number("duration_us", microseconds(record.end - record.start));
  if (record.upstream_head >= record.upstream_sent && record.upstream_sent != TimePoint{}) {
    line.number("upstream_us", microseconds(record.upstream_head - record.upstream_sent));
  }
  line.number("attempts", record.attempts);
  line.number("request_bytes", record.request_bytes);
  line.number("response_bytes", record.response_bytes);
  line.boolean("tls", record.mesh_tls);
  if (record.multiplexed) line.boolean("multiplexed", true);
  line.text_if("shaped", name_of(record.shaped));
  if (record.shared) line.boolean("shared", true);
  if (record.mirrored) line.boolean("mirrored", true);
  line.text_if("hedged", name_of(record.hedged));
  line.text_if("criticality", text_of(record.criticality));
  line.text_if("peer", text_of(record.peer));
  write_endpoint(line, record.endpoint, record.upstream);
  write_address(line, "downstream", record.downstream);
  write_rule(line, record.rule, record.rule_origin);
  write_audit(line, record);
  if (record.trace_id[0] != '\0') {
    line.text("trace_id", {record.trace_id.data(), record.trace_id.size()});
  }
  if (failed) write_failure(line, record.error, summary_of(record, false));
}

void write_line(const ConnectionRecord& record, WallTime time, JsonLine& line) {
  const bool failed = record.error.code != ErrorCode::none;
  begin_line(line, time, failed, name_of(record.kind), record.id);
  line.text("direction", name_of(record.direction)).text("service", text_of(record.service));
  line.text("outcome", outcome_name(record.error.code));
  line.text("flag", describe(record.error.code).flag);
  line.number("duration_us", microseconds(record.end - record.trace.start()));
  line.number("bytes_received", record.bytes_received).number("bytes_sent", record.bytes_sent);
  line.boolean("tls", record.mesh_tls).text_if("peer", text_of(record.peer));
  line.text_if("endpoint", text_of(record.endpoint));
  write_address(line, "downstream", record.downstream);
  write_address(line, "destination", record.destination);
  write_rule(line, record.rule, record.rule_origin);
  write_audit(line, record);
  if (failed) write_failure(line, record.error, summary_of(record));
}

void write_line(const KeptDns& record, JsonLine& line) {
  begin_line(line, record.time, true, "dns", record.id);
  line.text("direction", "outbound").text_if("service", text_of(record.service));
  line.text("name", record.name()).number("type", record.type).text("rcode", record.rcode());
  line.text("outcome", outcome_name(record.error.code));
  write_address(line, "downstream", record.client);
  write_failure(line, record.error, record.summary());
}

}  // namespace epaulet::telemetry

#include "telemetry/worker_telemetry.h"

#include "telemetry/access_log.h"
#include "telemetry/json_line.h"
#include "telemetry/outcome.h"
#include "telemetry/plain_text.h"
#include "telemetry/span_record.h"
#include "telemetry/trace_context.h"

namespace epaulet::telemetry {

WorkerTelemetry::WorkerTelemetry(LogRing& ring, Random random)
    : ring_(ring),
      random_(random),
      process_log_(ring, metrics_.counter_cell(Counter::log_lines_dropped)) {}

void WorkerTelemetry::configure(const LogSettings& log, const ExplainSettings& explain) {
  process_log_.set_level(log.level);
  access_log_ = log.access;
  access_sample_ = log.access_sample;
  slow_ = explain.slow;
}

bool WorkerTelemetry::is_sampled() {
  return access_sample_ >= 1.0 || (access_sample_ > 0 && random_.unit() < access_sample_);
}

/// Faults are injected to be looked at. Redirects and preflights may be many, and must not push out
/// what failed; of a preflight that is allowed there is nothing to ask.
bool WorkerTelemetry::is_shaped(const ExchangeRecord& record) {
  if (record.shaped == Shaped::preflight && record.status < 300) return false;
  if (record.shaped != Shaped::redirected && record.shaped != Shaped::preflight)
    return record.shaped != Shaped::no;
  if (record.end < next_redirect_) return false;
  next_redirect_ = record.end + std::chrono::seconds(1);
  return true;
}

void WorkerTelemetry::push(std::string_view line) {
  if (!ring_.push(line)) count(Counter::log_lines_dropped);
}

void WorkerTelemetry::report(const ExchangeRecord& record, WallTime wall_now) {
  const bool above_p99 = metrics_.observe(record);
  const bool failed = has_failed(record);
  const bool slow = slow_ ? duration_of(record) > *slow_ : above_p99;
  const bool audited = record.audited != ErrorCode::none;
  if (audited) count(Counter::access_audited);
  if (failed || slow || audited || is_shaped(record)) {
    KeptExchange kept;
    kept.record = record;
    kept.time = wall_now;
    kept.slow = slow;
    kept_.exchanges.push(kept);
    count(Counter::explain_records);
  }
  if (!access_log_ || (!failed && !audited && !is_sampled())) return;
  JsonLine line;
  write_line(record, wall_now, line);
  push(line.finish());
}

void WorkerTelemetry::report(const ConnectionRecord& record, WallTime wall_now) {
  metrics_.observe(record);
  const bool failed = record.error.code != ErrorCode::none;
  const bool audited = record.audited != ErrorCode::none;
  if (audited) count(Counter::access_audited);
  if (failed || audited) {
    KeptConnection kept;
    kept.record = record;
    kept.time = wall_now;
    kept_.connections.push(kept);
    count(Counter::explain_records);
  }
  if (!access_log_ || (!failed && !audited && !is_sampled())) return;
  JsonLine line;
  write_line(record, wall_now, line);
  push(line.finish());
}

void WorkerTelemetry::report(const DnsRecord& record, TimePoint, WallTime wall_now) {
  KeptDns kept;
  kept.set(record, wall_now);
  if (kept.id.view().empty()) {
    std::array<char, 32> drawn;
    write_request_id(random_, drawn);
    kept.id.assign({drawn.data(), drawn.size()});
  }
  kept_.dns.push(kept);
  count(Counter::explain_records);
  if (!process_log_.enabled(LogLevel::warning)) return;
  JsonLine line;
  write_line(kept, line);
  push(line.finish());
}

void WorkerTelemetry::report(const SpanDetails& details, const ExchangeRecord& record,
                             WallTime wall_now) {
  count(Counter::spans_made);
  const PackedSpan span(details, record, wall_now);
  if (span_ring_ == nullptr || !span_ring_->push(span.view())) count(Counter::spans_dropped_ring);
}

void WorkerTelemetry::report(const HealthRecord& record, WallTime wall_now) {
  const auto level = record.is_bad_news ? LogLevel::warning : LogLevel::info;
  if (!process_log_.enabled(level)) return;
  JsonLine line;
  line.text("time", TimeText(wall_now).view()).text("level", name_of(level));
  line.text("kind", "process").text("event", record.event).text("message", record.message);
  const auto text = [&line](std::string_view name, StringId id) {
    if (id != 0) line.text(name, text_of(id));
  };
  if (!record.request_id.empty()) line.text("id", record.request_id);
  text("service", record.service);
  text("route", record.route);
  text("backend", record.backend);
  text("source", record.source);
  text("endpoint", record.endpoint);
  line.text("reason", record.reason);
  if (record.lasts.count() > 0) line.number("for_ms", record.lasts / std::chrono::milliseconds(1));
  const auto number = [&line](std::string_view name, std::uint64_t value) {
    if (value != 0) line.number(name, static_cast<std::int64_t>(value));
  };
  number("calls", record.calls);
  number("failures", record.failures);
  number("slow", record.slow);
  number("consecutive", record.consecutive);
  if (record.outcome != ErrorCode::none) line.text("outcome", outcome_name(record.outcome));
  number("status", record.status);
  if (record.grpc_status) number("grpc_status", *record.grpc_status);
  push(line.finish());
}

}  // namespace epaulet::telemetry

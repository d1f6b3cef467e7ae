#include <unistd.h>

#include <array>

#include "base/limits.h"
#include "server/process.h"

namespace epaulet::server {
namespace {

/// The pod's name, in a cluster.
std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

std::unique_ptr<otlp::Exporter> Process::make_exporter() {
  otlp::Exporter::Listener listener;
  // Of the URL its host alone: a path or query may hold a vendor's key.
  listener.on_failure = [this](const otlp::Exporter::Failure& failure) {
    shards_.front()->log().warning(
        wall_now(), "spans_not_exported",
        failure.may_send_again ? "the collector takes no spans; they wait as long as they fit"
                               : "the collector does not want spans, which are dropped",
        {{"collector", failure.collector}, {"reason", failure.why}});
  };
  listener.on_recovery = [this](std::string_view collector) {
    shards_.front()->log().info(wall_now(), "spans_exported", "the collector takes spans",
                                {{"collector", collector}});
  };
  return std::make_unique<otlp::Exporter>(loop_, std::move(listener));
}

void Process::apply_tracing() {
  const auto& settings = snapshot_->settings;
  exporter_->apply(settings.tracing.otlp,
                   {settings.workload.service, host_name(), options_.version});
}

/// What was measured until the end is worth a moment, but not more.
Task<void> Process::flush_spans() {
  Scope flushing(loop_);
  flushing.set_deadline(loop_.now() + limits::kSpanFlushTime,
                        {ErrorCode::drain_timeout, Side::self, Stage::shutdown});
  co_await exporter_->flush(flushing);
}

std::optional<telemetry::ControlMetrics::Spans> Process::span_metrics() const {
  const auto status = exporter_->status();
  if (!status.configured && status.sent == 0 && status.waiting == 0) return std::nullopt;
  telemetry::ControlMetrics::Spans spans;
  spans.exported = status.sent;
  spans.waiting = status.waiting;
  spans.is_failing = !status.last_error.empty();
  for (std::size_t i = 0; i < status.dropped.size(); ++i)
    spans.dropped.push_back({name_of(static_cast<otlp::Drop>(i)), status.dropped[i]});
  for (std::size_t i = 0; i < status.requests.size(); ++i)
    spans.requests.push_back({name_of(static_cast<otlp::SendResult>(i)), status.requests[i]});
  return spans;
}

}  // namespace epaulet::server

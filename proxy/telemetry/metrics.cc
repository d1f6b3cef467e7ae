#include "telemetry/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include "telemetry/metric_families.h"
#include "telemetry/outcome.h"
#include "telemetry/process_stats.h"

namespace epaulet::telemetry {
namespace {

std::string_view name_of(bool flag) {
  return flag ? "true" : "false";
}

double seconds_since_epoch(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

template <class Number>
double as_double(Number number) {
  return static_cast<double>(number);
}

void add_row(MetricFamilies& out, const MetricRow& row, bool is_gauge, double value) {
  const auto add = [&](MetricLabels labels) {
    if (is_gauge) {
      out.gauge(row.family, row.help, labels, value);
    } else {
      out.counter(row.family, row.help, labels, value);
    }
  };
  if (row.label.empty()) return add({});
  if (row.second_label.empty()) return add({{row.label, row.value}});
  add({{row.label, row.value}, {row.second_label, row.second_value}});
}

void add_counters(MetricFamilies& out, const WorkerMetrics& metrics) {
  for (std::size_t i = 0; i < kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    add_row(out, row_of(counter), false, as_double(metrics.value(counter)));
  }
  for (std::size_t i = 0; i < kGauges; ++i) {
    const auto gauge = static_cast<Gauge>(i);
    add_row(out, row_of(gauge), true, as_double(metrics.value(gauge)));
  }
}

void add_requests(MetricFamilies& out, const WorkerMetrics& metrics) {
  metrics.requests().for_each([&](const RequestKey& key, const Cell& cell) {
    out.counter(
        "epaulet_requests_total",
        "Exchanges, by the class of the status sent and how they ended; gRPC calls by their "
        "own status, too",
        {{"direction", name_of(key.direction)},
         {"service", text_of(key.service)},
         {"route", text_of(key.route)},
         {"status", status_class(static_cast<std::uint16_t>(key.status_class * 100))},
         {"grpc_status", grpc_status_text(key.grpc_status)},
         {"outcome", outcome_name(key.outcome)},
         {"tls", name_of(key.mesh_tls)}},
        as_double(cell.value()));
  });
}

void add_routes(MetricFamilies& out, const WorkerMetrics& metrics) {
  const std::vector<double> bounds(DurationHistogram::kBounds.begin(),
                                   DurationHistogram::kBounds.end());
  std::vector<std::uint64_t> buckets(DurationHistogram::kBuckets);
  metrics.routes().for_each([&](const RouteKey& key, const RouteCells& cells) {
    const MetricLabels labels{{"direction", name_of(key.direction)},
                              {"service", text_of(key.service)},
                              {"route", text_of(key.route)}};
    for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] = cells.duration.in_bucket(i);
    out.histogram("epaulet_request_duration_seconds",
                  "From the request's first byte to the response's last; of an upgrade, to its "
                  "agreement",
                  labels, bounds, buckets, cells.duration.sum_seconds());
    out.counter("epaulet_request_body_bytes_total", "Bytes of request bodies passed on", labels,
                as_double(cells.request_bytes.value()));
    out.counter("epaulet_response_body_bytes_total", "Bytes of response bodies passed on", labels,
                as_double(cells.response_bytes.value()));
    if (key.direction == Direction::inbound) return;  // Which tries nothing twice.
    out.counter("epaulet_request_retries_total",
                "Attempts of requests after their first, second ones of hedges among them", labels,
                as_double(cells.retries.value()));
  });
}

void add_tunnel(MetricFamilies& out, const ConnectionKey& key, const ConnectionCells& cells) {
  const MetricLabels labels{{"direction", name_of(key.direction)},
                            {"service", text_of(key.service)},
                            {"outcome", outcome_name(key.outcome)},
                            {"tls", name_of(key.mesh_tls)}};
  out.counter("epaulet_tunnels_total", "Connections relayed as opaque bytes, when they ended",
              labels, as_double(cells.count.value()));
  out.counter("epaulet_tunnel_received_bytes_total", "Bytes that tunnels took from downstream",
              labels, as_double(cells.bytes_received.value()));
  out.counter("epaulet_tunnel_sent_bytes_total", "Bytes that tunnels gave to downstream", labels,
              as_double(cells.bytes_sent.value()));
}

void add_connections(MetricFamilies& out, const WorkerMetrics& metrics) {
  metrics.connections().for_each([&](const ConnectionKey& key, const ConnectionCells& cells) {
    if (key.kind == ConnectionRecord::Kind::tunnel) return add_tunnel(out, key, cells);
    out.counter("epaulet_connections_failed_total",
                "Connections that ended before anything was served on them, by why",
                {{"direction", name_of(key.direction)},
                 {"service", text_of(key.service)},
                 {"kind", key.kind == ConnectionRecord::Kind::handshake ? "handshake" : "refused"},
                 {"outcome", outcome_name(key.outcome)}},
                as_double(cells.count.value()));
  });
}

std::string_view name_of(Protection protection) {
  switch (protection) {
    case Protection::mesh:
      return "mesh";
    case Protection::none:
      return "none";
    case Protection::app_tls:
      return "app";
  }
  return "none";
}

void add_ports(MetricFamilies& out, const WorkerMetrics& metrics) {
  metrics.ports().for_each([&](const PortKey& key, const PortCells& cells) {
    const std::string port = std::to_string(key.port);
    const MetricLabels labels{{"port", port}, {"tls", name_of(key.protection)}};
    // In this order, so that no reader sees more closed than opened.
    const auto closed = cells.closed.value();
    const auto opened = cells.opened.value();
    out.counter("epaulet_inbound_connections_total",
                "Connections served on a port of workload.ports, by what protects them: mesh, app "
                "(its own TLS, anonymous to us) or none; without the last two a port can be strict",
                labels, as_double(opened));
    out.gauge("epaulet_inbound_connections_active", "Those that are open now", labels,
              as_double(opened - std::min(closed, opened)));
  });
}

void add_config(MetricFamilies& out, const ControlMetrics& control) {
  out.gauge("epaulet_config_version", "Number of the configuration in force, from 1", {},
            as_double(control.config_version));
  if (!control.renewals.empty()) {
    for (const auto& each : control.renewals) {
      out.counter("epaulet_identity_renewals_total",
                  "Attempts to get a certificate from the identity service, by result",
                  {{"result", std::string(each.result)}}, as_double(each.count));
    }
    out.gauge("epaulet_identity_renewal_failing",
              "Whether the last attempt failed; /certs says why", {},
              control.renewal_failing ? 1 : 0);
  }
  constexpr std::string_view kReloads =
      "Configurations read, by result; the first one included; deferred: it was being written, and "
      "is read again";
  out.counter("epaulet_config_reloads_total", kReloads, {{"result", "loaded"}},
              as_double(control.config_loaded));
  out.counter("epaulet_config_reloads_total", kReloads, {{"result", "rejected"}},
              as_double(control.config_rejected));
  out.counter("epaulet_config_reloads_total", kReloads, {{"result", "deferred"}},
              as_double(control.config_deferred));
  constexpr std::string_view kWhen = "When a configuration was last read, by result";
  if (control.config_last_loaded) {
    out.gauge("epaulet_config_last_reload_timestamp_seconds", kWhen, {{"result", "loaded"}},
              seconds_since_epoch(*control.config_last_loaded));
  }
  if (control.config_last_rejected) {
    out.gauge("epaulet_config_last_reload_timestamp_seconds", kWhen, {{"result", "rejected"}},
              seconds_since_epoch(*control.config_last_rejected));
  }
}

void add_identity(MetricFamilies& out, const ControlMetrics& control) {
  if (!control.identity_configured) return;
  out.gauge("epaulet_identity_usable",
            "Whether there is a certificate that has not expired, to speak mesh TLS with", {},
            control.identity_usable ? 1 : 0);
  if (control.identity_not_after) {
    out.gauge("epaulet_identity_not_after_timestamp_seconds",
              "When the certificate in force ceases to be valid", {},
              seconds_since_epoch(*control.identity_not_after));
  }
  constexpr std::string_view kReloads = "Times that identity.dir was read, by result";
  out.counter("epaulet_identity_reloads_total", kReloads, {{"result", "loaded"}},
              as_double(control.identity_loaded));
  out.counter("epaulet_identity_reloads_total", kReloads, {{"result", "rejected"}},
              as_double(control.identity_rejected));
}

void add_issuers(MetricFamilies& out, const ControlMetrics& control) {
  for (const auto& each : control.issuers) {
    for (const auto& fetch : each.fetches) {
      out.counter("epaulet_issuer_key_fetches_total",
                  "Times that an issuer's keys were fetched by URL, by result",
                  {{"issuer", each.name}, {"result", fetch.result}}, as_double(fetch.count));
    }
    out.gauge("epaulet_issuer_keys",
              "Usable keys of an issuer that has them behind a URL; 0: its tokens are refused",
              {{"issuer", each.name}}, as_double(each.keys));
    out.gauge("epaulet_issuer_keys_failing",
              "Whether the last fetch of an issuer's keys failed; /issuers says why",
              {{"issuer", each.name}}, each.is_failing ? 1 : 0);
    if (each.fetched) {
      out.gauge("epaulet_issuer_keys_fetched_timestamp_seconds",
                "When an issuer last gave its keys: those in force are as old",
                {{"issuer", each.name}}, seconds_since_epoch(*each.fetched));
    }
  }
}

void add_spans(MetricFamilies& out, const ControlMetrics& control) {
  if (!control.spans) return;
  const auto& spans = *control.spans;
  out.counter("epaulet_spans_exported_total", "Spans that a collector has taken", {},
              as_double(spans.exported));
  out.gauge("epaulet_spans_waiting", "Spans that wait for a collector", {},
            as_double(spans.waiting));
  out.gauge("epaulet_span_export_failing",
            "Whether a collector did not take the last request; the log says why", {},
            spans.is_failing ? 1 : 0);
  const MetricRow& dropped = row_of(Counter::spans_dropped_ring);
  for (const auto& each : spans.dropped)
    out.counter(dropped.family, dropped.help, {{dropped.label, each.result}},
                as_double(each.count));
  for (const auto& each : spans.requests)
    out.counter("epaulet_span_requests_total", "Requests to a collector, by result",
                {{"result", each.result}}, as_double(each.count));
}

void add_discovery(MetricFamilies& out, const ControlMetrics& control) {
  constexpr std::string_view kLooks =
      "Names of backends asked upstream, by result; unknown: an authoritative no; failed: no "
      "usable "
      "answer";
  const auto looks = [&](std::string_view result, std::uint64_t count) {
    out.counter("epaulet_endpoint_looks_total", kLooks, {{"result", result}}, as_double(count));
  };
  looks("answered", control.looks_answered);
  looks("unknown", control.looks_unknown);
  looks("failed", control.looks_failed);
  out.counter("epaulet_endpoint_addresses_refused_total",
              "Addresses from DNS that can be no endpoint: loopback, virtual, multicast", {},
              as_double(control.endpoint_addresses_refused));
  if (control.directory) {
    const auto& directory = *control.directory;
    out.gauge("epaulet_directory_connected", "1 while the directory answers", {},
              directory.connected ? 1 : 0);
    out.gauge("epaulet_directory_failing",
              "1 if the last attempt to ask the directory failed; the log says why", {},
              directory.is_failing ? 1 : 0);
    out.counter("epaulet_directory_answers_total", "Answers of the directory that began", {},
                as_double(directory.streams));
    out.counter("epaulet_directory_updates_total", "Services that the directory told of", {},
                as_double(directory.views));
    out.counter("epaulet_directory_failures_total", "Attempts to ask the directory that failed", {},
                as_double(directory.failures));
    if (directory.heard) {
      out.gauge("epaulet_directory_heard_timestamp_seconds",
                "When the directory last said that we know what it does; how long it has not heard "
                "the API server is its own epaulet_directory_silence_seconds",
                {}, seconds_since_epoch(*directory.heard));
    }
  }
  for (const auto& each : control.endpoints) {
    out.gauge("epaulet_backend_endpoints", "Endpoints known now", {{"backend", each.backend}},
              as_double(each.count));
  }
  for (const auto& each : control.localities) {
    out.gauge("epaulet_backend_own_zone_share",
              "The share of its requests that endpoints in this workload's own zone get now, with "
              "balance.locality or topology hints: 1 as long as enough of them are well",
              {{"backend", each.backend}}, each.own_share);
  }
}

void add_breakers(MetricFamilies& out, const ControlMetrics& control) {
  for (const auto& each : control.breakers) {
    for (const std::string_view state : {"closed", "half_open", "open"}) {
      out.gauge("epaulet_breaker_state", "1 for the state that a breaker is in",
                {{"backend", each.backend},
                 {"service", each.service},
                 {"route", each.route},
                 {"state", state}},
                each.state == state ? 1 : 0);
    }
    out.counter("epaulet_breaker_refused_total", "Exchanges that a breaker refused",
                {{"backend", each.backend}, {"service", each.service}, {"route", each.route}},
                as_double(each.refused));
    for (const auto& reason : each.transitions) {
      out.counter("epaulet_breaker_transitions_total", "Changes of a breaker's state, by why",
                  {{"backend", each.backend},
                   {"service", each.service},
                   {"route", each.route},
                   {"reason", reason.name}},
                  as_double(reason.count));
    }
  }
}

void add_rate_limits(MetricFamilies& out, const ControlMetrics& control) {
  for (const auto& each : control.rate_limits) {
    const auto count = [&](std::string_view result, std::uint64_t value) {
      out.counter("epaulet_rate_limit_requests_total",
                  "Requests that met a rate limit, of rate_limits (inbound) or of a service or "
                  "route, by what became of them",
                  {{"service", each.service}, {"limit", each.name}, {"result", result}},
                  as_double(value));
    };
    count("allowed", each.allowed);
    count("refused", each.refused);
    out.counter("epaulet_rate_limit_evicted_total",
                "Buckets that were not full and made room for others: raise `buckets`",
                {{"service", each.service}, {"limit", each.name}}, as_double(each.evicted));
  }
}

void add_concurrency(MetricFamilies& out, const ControlMetrics& control) {
  if (!control.concurrency) return;
  const auto& each = *control.concurrency;
  out.gauge("epaulet_concurrency_limit", "Requests that the app is asked at once, as it is now", {},
            each.limit);
  out.gauge("epaulet_concurrency_in_flight", "Requests that the app has not begun to answer", {},
            each.in_flight);
  out.gauge("epaulet_concurrency_measuring",
            "1 while the limit is at concurrency.min, to see how fast the app is at rest", {},
            each.measuring ? 1 : 0);
  out.gauge("epaulet_concurrency_latency_at_rest_seconds",
            "Latency of the app that the limit is compared with; 0: not known yet", {},
            each.at_rest_seconds);
  for (const auto& kind : each.kinds) {
    const auto count = [&](std::string_view result, std::uint64_t value) {
      out.counter("epaulet_concurrency_requests_total",
                  "Requests that met the concurrency limit, by how critical they are and what "
                  "became of them",
                  {{"criticality", kind.name}, {"result", result}}, as_double(value));
    };
    count("admitted", kind.admitted);
    count("refused", kind.refused);
  }
}

void add_last_good(MetricFamilies& out, const ControlMetrics& control) {
  for (const auto& each : control.last_good) {
    out.gauge("epaulet_last_good_bytes",
              "Memory of last good responses, with those that are being copied",
              {{"service", each.service}, {"route", each.route}}, as_double(each.bytes));
    out.counter("epaulet_last_good_refused_total",
                "Good responses that were not kept, for want of room in last_good.bytes",
                {{"service", each.service}, {"route", each.route}}, as_double(each.refused));
  }
}

void add_outliers(MetricFamilies& out, const ControlMetrics& control) {
  for (const auto& each : control.outliers) {
    out.gauge("epaulet_backend_endpoints_ejected", "Endpoints that are left out now",
              {{"backend", each.backend}}, as_double(each.ejected));
    out.counter("epaulet_backend_ejections_withheld_total",
                "Ejections not made, for the sake of outliers.max_ejected or of the last endpoint",
                {{"backend", each.backend}}, as_double(each.withheld));
    for (const auto& reason : each.ejections) {
      out.counter("epaulet_backend_ejections_total", "Endpoints left out for a while, by why",
                  {{"backend", each.backend}, {"reason", reason.name}}, as_double(reason.count));
    }
    out.gauge("epaulet_backend_endpoints_spared",
              "Endpoints that have asked for a pause by Retry-After, which is not over",
              {{"backend", each.backend}}, as_double(each.spared));
    out.counter("epaulet_backend_pauses_total",
                "Pauses that endpoints have asked for by Retry-After, when they began",
                {{"backend", each.backend}}, as_double(each.pauses));
  }
}

void add_health_checks(MetricFamilies& out, const ControlMetrics& control) {
  for (const auto& each : control.health_checks) {
    const auto now = [&](std::string_view state, std::size_t count) {
      out.gauge("epaulet_backend_endpoints_checked",
                "Endpoints of backends with health_check, by what their checks say",
                {{"backend", each.backend}, {"state", state}}, as_double(count));
    };
    now("healthy", each.healthy);
    now("unhealthy", each.unhealthy);
    now("unchecked", each.unchecked);
    out.gauge("epaulet_backend_health_panic",
              "1: so few endpoints pass their checks that these are not heeded "
              "(health_check.panic_threshold)",
              {{"backend", each.backend}}, each.panics ? 1 : 0);
    const auto checks = [&](std::string_view result, std::uint64_t count) {
      out.counter("epaulet_health_checks_total", "Health checks of endpoints, by their result",
                  {{"backend", each.backend}, {"result", result}}, as_double(count));
    };
    checks("passed", each.passed);
    checks("failed", each.failed);
    const auto changes = [&](std::string_view to, std::uint64_t count) {
      out.counter("epaulet_health_check_changes_total",
                  "Endpoints that their checks made unhealthy, and healthy again",
                  {{"backend", each.backend}, {"to", to}}, as_double(count));
    };
    changes("healthy", each.became_healthy);
    changes("unhealthy", each.became_unhealthy);
  }
}

void add_control(MetricFamilies& out, const ControlMetrics& control) {
  out.gauge("epaulet_ready", "What /ready says", {}, control.ready ? 1 : 0);
  out.gauge("epaulet_workers", "Threads that serve connections", {}, as_double(control.workers));
  add_config(out, control);
  add_identity(out, control);
  add_issuers(out, control);
  add_spans(out, control);
  out.counter("epaulet_state_failures_total",
              "Times that a file of state.dir could not be read or written", {},
              as_double(control.state_failures));
  if (control.rules_stand) {
    out.gauge("epaulet_redirect_rules_stand",
              "1 while the redirect rules that were installed still do what our own user can see",
              {}, *control.rules_stand ? 1 : 0);
  }
  out.counter("epaulet_clock_jumps_total", "Times that the wall clock was set by 5 seconds or more",
              {}, as_double(control.clock_jumps));
  for (const auto& each : control.dns_queries) {
    out.counter("epaulet_dns_queries_total", "DNS queries of the app, by how they ended",
                {{"result", each.result}}, as_double(each.count));
  }
  add_discovery(out, control);
  add_breakers(out, control);
  add_rate_limits(out, control);
  add_concurrency(out, control);
  add_last_good(out, control);
  add_outliers(out, control);
  add_health_checks(out, control);
  for (const auto& each : control.pages) {
    out.counter("epaulet_page_connections_refused_total",
                "Connections reset because the port of our own pages had as many as it may",
                {{"page", each.name}}, as_double(each.refused));
  }
  out.gauge("process_start_time_seconds", "When the process started", {},
            seconds_since_epoch(control.started));
}

void add_page_refusals(MetricFamilies& out, const std::vector<Metrics::PageRefusals>& pages) {
  for (const auto& each : pages) {
    out.counter("epaulet_page_requests_refused_total",
                "Requests at the port of our own pages that were refused: caller, method or path",
                {{"page", each.page}}, as_double(each.requests));
  }
}

void add_process(MetricFamilies& out) {
  const ProcessStats stats = read_process_stats();
  const auto gauge = [&out](std::string_view name, std::string_view help, const auto& value) {
    if (value) out.gauge(name, help, {}, as_double(*value));
  };
  if (stats.cpu_seconds) {
    out.counter("process_cpu_seconds_total", "Processor time used, user and system", {},
                *stats.cpu_seconds);
  }
  if (stats.listen_drops) {
    out.counter("epaulet_listen_drops_total",
                "Connections that the kernel dropped before any listener of this pod accepted them:"
                " its queue was full",
                {}, as_double(*stats.listen_drops));
  }
  gauge("process_resident_memory_bytes", "Resident memory", stats.resident_bytes);
  gauge("process_virtual_memory_bytes", "Virtual memory", stats.virtual_bytes);
  gauge("process_threads", "Threads", stats.threads);
  gauge("process_open_fds", "Open file descriptors", stats.open_descriptors);
  gauge("process_max_fds", "File descriptors that may be open", stats.descriptors_max);
}

/// What prometheus-cpp asks at a scrape. Its own Family and Counter are not used: they take a lock
/// and a map for each increment.
class Collector final : public prometheus::Collectable {
 public:
  explicit Collector(const Metrics::Sources& sources) : sources_(sources) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    MetricFamilies out;
    // Family by family, so that the page keeps its order whatever a shard has seen.
    for (const auto* shard : sources_.shards) add_counters(out, shard->metrics());
    for (const auto* shard : sources_.shards) add_requests(out, shard->metrics());
    for (const auto* shard : sources_.shards) add_routes(out, shard->metrics());
    for (const auto* shard : sources_.shards) add_connections(out, shard->metrics());
    for (const auto* shard : sources_.shards) add_ports(out, shard->metrics());
    if (sources_.log_writer != nullptr) {
      MetricRow row = row_of(Counter::log_lines_dropped);
      row.value = "write_failed";
      add_row(out, row, false, as_double(sources_.log_writer->lines_lost()));
    }
    if (sources_.control) add_control(out, sources_.control());
    if (sources_.page_refusals) add_page_refusals(out, sources_.page_refusals());
    out.gauge("epaulet_build_info", "Always 1; the labels say which program this is",
              {{"version", sources_.version}, {"compiler", "g++ " __VERSION__}}, 1);
    add_process(out);
    return out.take();
  }

 private:
  const Metrics::Sources& sources_;
};

}  // namespace

std::string Metrics::text() const {
  const Collector collector(sources_);
  return static_cast<const prometheus::Serializer&>(prometheus::TextSerializer())
      .Serialize(collector.Collect());
}

}  // namespace epaulet::telemetry

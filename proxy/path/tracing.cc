#include "path/tracing.h"

#include <algorithm>
#include <array>

#include "path/exchange.h"
#include "telemetry/b3.h"
#include "telemetry/trace_context.h"

namespace epaulet::path {
namespace {

using http::FieldId;
using telemetry::TraceContext;

constexpr std::array<TraceFormat, 3> kAll{TraceFormat::w3c, TraceFormat::b3, TraceFormat::b3_multi};

/// What the request says of its trace.
struct Told {
  std::optional<TraceContext> context;
  std::optional<TraceContext> w3c;  ///< Whose state `tracestate` is.
  std::optional<bool> decision;     ///< Of B3, which may leave it to us.
  bool debug = false;
  TraceFormats in;         ///< Those that it is said in.
  TraceFormats malformed;  ///< What goes no further.
};

void take(Told& told, const telemetry::B3& b3, TraceFormat format) {
  told.in.add(format);
  if (told.context) return;
  told.context = b3.context;
  told.debug = b3.debug;
  if (b3.decision) told.decision = b3.decision;
}

telemetry::B3Fields b3_fields(const http::RequestHead& request) {
  const auto value = [&request](std::string_view name) {
    const auto* field = request.find(name);
    return field == nullptr ? std::string_view() : field->value;
  };
  return {value("x-b3-traceid"), value("x-b3-spanid"), value("x-b3-sampled"), value("x-b3-flags")};
}

void remove(http::RequestHead& request, TraceFormat format) {
  switch (format) {
    case TraceFormat::w3c:
      return request.remove(FieldId::traceparent);
    case TraceFormat::b3:
      return request.remove(FieldId::b3);
    case TraceFormat::b3_multi:
      return request.remove(FieldId::x_b3);
  }
}

void look(const http::RequestHead& request, TraceFormat format, Told& told) {
  if (format == TraceFormat::w3c) {
    const auto* given = request.find(FieldId::traceparent);
    if (given == nullptr) return;
    const auto context = TraceContext::parse(given->value);
    if (!context) return told.malformed.add(format);
    told.in.add(format);
    told.w3c = context;
    if (told.context) return;
    told.context = context;
    told.decision = context->sampled;
    return;
  }
  const auto* given = request.find(format == TraceFormat::b3 ? FieldId::b3 : FieldId::x_b3);
  if (given == nullptr) return;
  const auto b3 = format == TraceFormat::b3 ? telemetry::parse_b3(given->value)
                                            : telemetry::parse_b3(b3_fields(request));
  if (!b3) return told.malformed.add(format);
  take(told, *b3, format);
}

/// Where they differ, the first of `propagate` is right.
Told look_at(const http::RequestHead& request, const std::vector<TraceFormat>& first) {
  Told told;
  for (const auto format : first) look(request, format, told);
  for (const auto format : kAll) {
    if (std::find(first.begin(), first.end(), format) == first.end()) look(request, format, told);
  }
  return told;
}

void write(const TraceContext& context, bool debug, TraceFormats formats,
           http::RequestHead& request) {
  if (formats.has(TraceFormat::w3c)) {
    const auto text = context.to_text();
    request.added.add("traceparent", {text.data(), text.size()});
  }
  if (!formats.has(TraceFormat::b3) && !formats.has(TraceFormat::b3_multi)) return;
  telemetry::B3Lines lines;
  if (formats.has(TraceFormat::b3)) lines.add(context, debug);
  if (formats.has(TraceFormat::b3_multi)) lines.add_multi(context, debug);
  request.added.append(lines.view());
}

TraceFormats wanted(const TracingSettings& tracing) {
  TraceFormats formats;
  if (tracing.propagate.empty()) formats.add(TraceFormat::w3c);
  for (const auto format : tracing.propagate) formats.add(format);
  return formats;
}

/// A call of the app that says nothing of a trace, where spans are exported. What is delivered
/// later is no call of now.
bool may_be_joined(const Exchange& exchange) {
  const auto& tracing = exchange.snapshot().settings.tracing;
  return tracing.otlp && tracing.join && !exchange.connection.inbound() &&
         exchange.delivery == nullptr;
}

/// What the app is asked at this time may have led to the call. A guess makes no parent: it is
/// linked to the trace that begins, if one does.
void join_to_what_is_in_flight(Exchange& exchange, Told& told) {
  using Kind = telemetry::Join::Kind;
  Worker& worker = exchange.worker();
  telemetry::InFlight::Seen seen;
  worker.shared.in_flight.look(seen, exchange.now());
  if (seen.listed == 0) return;
  const auto join =
      telemetry::join(seen, telemetry::InFlight::key_of(exchange.record.request_id.view()));
  const bool begins = exchange.snapshot().settings.tracing.begin;
  if (join.kind == Kind::none || (join.kind == Kind::guess && !begins)) return;
  if (!told.decision) told.decision = join.sampled;
  if (join.kind == Kind::guess) {
    if (join.links.count > 0)
      exchange.span.links = std::make_unique<telemetry::SpanLinks>(join.links);
    return worker.telemetry.count(telemetry::Counter::joins_guess);
  }
  told.context = TraceContext::of(join.request.ids);
  exchange.span.is_joined = true;
  worker.telemetry.count(telemetry::Counter::joins_certain);
}

/// The context that the next hop is told: ours if there is a span of ours.
TraceContext& place_span(Exchange& exchange, Told& told, bool recorded) {
  auto& random = exchange.worker().loop.random();
  auto& span = exchange.span;
  span.recorded = recorded;
  if (!told.context) {
    told.context = TraceContext::begin(random, false);
  } else if (recorded) {
    span.parent_id = told.context->parent_id;
    told.context = told.context->child(random);
  }
  if (recorded) exchange.record.span_id = told.context->parent_id;
  return *told.context;
}

}  // namespace

bool is_trace_line(std::string_view line) {
  return line.starts_with("traceparent:") || line.starts_with("b3:") || line.starts_with("x-b3-");
}

TraceToTell settle_trace(Exchange& exchange) {
  const auto& tracing = exchange.snapshot().settings.tracing;
  Told told = look_at(exchange.request, tracing.propagate);
  TraceToTell tell;
  tell.removed = told.malformed;
  // W3C Trace Context section 3.3: an invalid one is replaced, with its state.
  tell.drops_state = told.malformed.has(TraceFormat::w3c);
  if (!told.context && may_be_joined(exchange)) join_to_what_is_in_flight(exchange, told);
  if (!told.context && !tracing.begin) return tell;
  auto& random = exchange.worker().loop.random();
  const bool is_decided = told.decision.has_value();
  const bool sampled = is_decided ? *told.decision : random.unit() < tracing.sample;
  // An outsider decides about its own spans, not about ours.
  const bool is_ours = !exchange.connection.inbound() || !exchange.connection.peer.empty();
  const bool recorded = sampled && tracing.otlp.has_value() &&
                        (!is_decided || is_ours || random.unit() < tracing.sample);
  // Without a span of ours it passes unchanged, and is said in the other formats too.
  if (told.context && is_decided && !recorded) {
    tell.written = wanted(tracing) - told.in;
  } else {
    tell.written = wanted(tracing) | told.in;
    tell.removed = tell.removed | told.in;
  }
  TraceContext& context = place_span(exchange, told, recorded);
  if (tell.written.has(TraceFormat::w3c) && (!told.w3c || told.w3c->trace_id != context.trace_id))
    tell.drops_state = true;
  context.sampled = sampled;
  exchange.record.trace_id = context.trace_id;
  exchange.span.passed = telemetry::SpanIds::of(context.trace_id, context.parent_id);
  exchange.span.sampled = sampled;
  exchange.span.is_told = is_decided;
  if (!recorded) exchange.span.links.reset();
  tell.context = context;
  tell.debug = told.debug;
  return tell;
}

void tell_trace(Exchange& exchange, const TraceToTell& trace) {
  auto& request = exchange.request;
  if (trace.drops_state) request.remove(FieldId::tracestate);
  for (const auto format : kAll) {
    if (trace.removed.has(format)) remove(request, format);
  }
  if (trace.context && !trace.written.empty())
    write(*trace.context, trace.debug, trace.written, request);
}

void settle_refused_trace(Exchange& exchange) {
  auto& span = exchange.span;
  if (!exchange.connection.inbound() || !span.recorded || !span.is_told) return;
  // Of an outsider's that was settled with the head.
  if (exchange.connection.peer.empty()) return;
  const auto& tracing = exchange.snapshot().settings.tracing;
  if (exchange.worker().loop.random().unit() < tracing.sample) return;
  span.recorded = false;
  exchange.record.span_id = {};
}

void note_in_flight(Exchange& exchange) {
  const auto& tracing = exchange.snapshot().settings.tracing;
  if (!exchange.connection.inbound() || !tracing.otlp || !tracing.join) return;
  telemetry::InFlight::Request request;
  request.ids = exchange.span.passed;
  request.request_id = telemetry::InFlight::key_of(exchange.record.request_id.view());
  request.has_trace = exchange.record.trace_id[0] != '\0';
  request.sampled = exchange.span.sampled;
  exchange.in_flight = exchange.worker().shared.in_flight.enter(request, exchange.now());
}

void note_in_flight(const Connection& connection, telemetry::InFlight::Entry& entry) {
  const auto& tracing = connection.snapshot().settings.tracing;
  if (!connection.inbound() || !tracing.otlp || !tracing.join) return;
  entry =
      connection.worker.shared.in_flight.enter(telemetry::InFlight::Request(), connection.now());
}

void report_span(Exchange& exchange) {
  if (!exchange.span.recorded) return;
  const auto& request = exchange.request;
  telemetry::SpanDetails details{exchange.span, {}, {}, {}};
  details.path = request.path;
  const auto& otlp = exchange.snapshot().settings.tracing.otlp;
  // A key that stands in the query is taken out for the app; of what is refused it is there still.
  if (otlp && otlp->query && exchange.record.attempts > 0) details.query = request.query;
  // `authority` may be a text of ours that is gone by now.
  if (const auto* host = request.find(FieldId::host)) details.host = host->value;
  details.port = exchange.connection.destination.port;
  details.http2 = exchange.came_by_http2();
  details.http10 = request.version == http::Version::http10;
  details.grpc = exchange.is_grpc();
  Worker& worker = exchange.worker();
  worker.telemetry.report(details, exchange.record, worker.loop.wall_now());
  exchange.span.links.reset();  // An idle connection holds no buffer.
}

}  // namespace epaulet::path

#include "telemetry/span_record.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/assert.h"
#include "telemetry/outcome.h"

namespace epaulet::telemetry {
namespace {

static_assert(std::is_trivially_copyable_v<SpanRecord> && std::is_trivially_copyable_v<SpanEvent> &&
              std::is_trivially_copyable_v<SpanIds>);

std::string_view cut(std::string_view text) {
  return text.substr(0, limits::kSpanTextBytesMax);
}

/// What tells how it came to its end: the ordinary steps are in its times.
constexpr std::array kTold{Event::attempt_failed,  Event::retry_decided, Event::retry_refused,
                           Event::breaker_refused, Event::rate_limited,  Event::fell_back,
                           Event::hedged,          Event::overloaded,    Event::denied,
                           Event::taken_for_later};
bool is_told(Event event) {
  return std::find(kTold.begin(), kTold.end(), event) != kTold.end();
}

std::size_t collect_events(const Trace& trace,
                           std::array<SpanEvent, limits::kSpanEventsMax>& events) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < trace.size() && count < events.size(); ++i) {
    const auto& entry = trace[i];
    if (!is_told(entry.event)) continue;
    events[count++] = {entry.at_us, entry.a, entry.b, entry.event};
  }
  return count;
}

std::int64_t nanoseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

SpanRecord record_of(const SpanDetails& details, const ExchangeRecord& from, WallTime wall_now) {
  SpanRecord to;
  to.ids = SpanIds::of(from.trace_id, from.span_id);
  const auto& parent = details.place.parent_id;
  to.parent = parent[0] == '\0' ? 0 : read_hex(parent.data());
  to.end_ns = nanoseconds(wall_now);
  to.start_ns = to.end_ns - (from.end - from.start).count();
  to.request_bytes = from.request_bytes;
  to.response_bytes = from.response_bytes;
  to.upstream = from.upstream;
  to.downstream = from.downstream;
  to.service = from.service;
  to.route = from.direction == Direction::outbound ? from.route : 0;  // Inbound it is the rule.
  to.backend = from.backend;
  to.rule = from.rule;
  to.peer = from.peer;
  to.endpoint = from.endpoint;
  to.status = from.status;
  to.port = details.port;
  to.grpc_status = from.grpc_status;
  to.error = from.error.code;
  to.direction = from.direction;
  to.attempts = from.attempts;
  to.http2 = details.http2;
  to.http10 = details.http10;
  to.grpc = details.grpc;
  to.mesh_tls = from.mesh_tls;
  to.failed = has_failed(from);
  to.is_joined = details.place.is_joined;
  to.method = from.method;
  to.request_id = from.request_id;
  return to;
}

}  // namespace

void PackedSpan::append(const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  EPAULET_ASSERT(bytes <= bytes_.size() - size_);
  std::memcpy(bytes_.data() + size_, from, bytes);
  size_ += bytes;
}

PackedSpan::PackedSpan(const SpanDetails& details, const ExchangeRecord& record,
                       WallTime wall_now) {
  SpanRecord head = record_of(details, record, wall_now);
  std::array<SpanEvent, limits::kSpanEventsMax> events;
  const std::size_t events_told = collect_events(record.trace, events);
  const auto path = cut(details.path);
  const auto query = cut(details.query);
  const auto host = cut(details.host);
  head.events = static_cast<std::uint8_t>(events_told);
  const SpanLinks* const links = details.place.links.get();
  if (links != nullptr) head.links = links->count;
  head.path_bytes = static_cast<std::uint16_t>(path.size());
  head.query_bytes = static_cast<std::uint16_t>(query.size());
  head.host_bytes = static_cast<std::uint16_t>(host.size());
  append(&head, sizeof head);
  append(events.data(), events_told * sizeof(SpanEvent));
  if (links != nullptr) append(links->ids.data(), head.links * sizeof(SpanIds));
  append(path.data(), path.size());
  append(query.data(), query.size());
  append(host.data(), host.size());
  head.size = static_cast<std::uint32_t>(size_);
  std::memcpy(bytes_.data(), &head.size, sizeof head.size);
}

Span::Span(std::string_view packed) {
  const auto take = [&packed](void* to, std::size_t bytes) {
    EPAULET_ASSERT(bytes <= packed.size());
    std::memcpy(to, packed.data(), bytes);
    packed.remove_prefix(bytes);
  };
  const auto text = [&packed](std::size_t bytes) {
    EPAULET_ASSERT(bytes <= packed.size());
    const auto taken = packed.substr(0, bytes);
    packed.remove_prefix(bytes);
    return taken;
  };
  take(&record, sizeof record);
  take(events.data(), record.events * sizeof(SpanEvent));
  take(links.data(), record.links * sizeof(SpanIds));
  path = text(record.path_bytes);
  query = text(record.query_bytes);
  host = text(record.host_bytes);
}

std::string_view first_span(std::string_view bytes) {
  static_assert(offsetof(SpanRecord, size) == 0);
  std::uint32_t size = 0;
  EPAULET_ASSERT(bytes.size() >= sizeof size);
  std::memcpy(&size, bytes.data(), sizeof size);
  EPAULET_ASSERT(size <= bytes.size());
  return bytes.substr(0, size);
}

}  // namespace epaulet::telemetry

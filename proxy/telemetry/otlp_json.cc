#include "telemetry/otlp_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "telemetry/explain_json.h"
#include "telemetry/outcome.h"
#include "telemetry/utf8.h"

namespace epaulet::telemetry {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::storage_ptr;
using boost::json::string;

// Enumerators of opentelemetry/proto/trace/v1/trace.proto.
constexpr int kServer = 2;
constexpr int kClient = 3;
constexpr int kStatusError = 2;
constexpr int kSampled = 1;
constexpr int kHasIsRemote = 0x100;
constexpr int kIsRemote = 0x200;

std::string hex(std::uint64_t value) {
  std::string text(16, '0');
  write_hex(value, text.data());
  return text;
}

std::string trace_hex(const SpanIds& ids) {
  return hex(ids.trace_high) + hex(ids.trace_low);
}

/// {"key","value"} by the key's order of being added.
class Attributes {
 public:
  explicit Attributes(const storage_ptr& memory) : list_(memory) {}

  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) add(key, "stringValue", string(valid_utf8(value), list_.storage()));
  }
  void text(std::string_view key, StringId id) {
    if (id != 0) text(key, text_of(id));
  }
  void number(std::string_view key, std::uint64_t value) {
    add(key, "intValue", string(std::to_string(value), list_.storage()));
  }
  void truth(std::string_view key) { add(key, "boolValue", true); }
  void any(std::string_view key, const boost::json::value& value) {
    if (value.is_string()) return text(key, std::string_view(value.get_string()));
    if (value.is_bool()) return add(key, "boolValue", value);
    add(key, "intValue", string(serialize(value), list_.storage()));
  }
  [[nodiscard]] array take() { return std::move(list_); }

 private:
  void add(std::string_view key, std::string_view kind, boost::json::value value) {
    object typed(list_.storage());
    typed.emplace(kind, std::move(value));
    object one(list_.storage());
    one.reserve(2);
    one["key"] = key;
    one["value"] = std::move(typed);
    list_.push_back(std::move(one));
  }
  array list_;
};

constexpr std::array<std::string_view, 9> kMethods{"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS",
                                                   "PATCH",   "POST",   "PUT", "TRACE"};

/// Methods are the caller's to invent; names of spans are not.
std::string_view known_method(std::string_view method) {
  return std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end() ? "_OTHER" : method;
}

/// "/package.Service/Method" in its two parts.
std::pair<std::string_view, std::string_view> grpc_names(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto slash = path.rfind('/');
  if (slash == path.npos) return {path, {}};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string name_of(const Span& span) {
  const auto& record = span.record;
  // The path of a call that nobody answered is what its caller likes.
  const bool is_known = record.direction == Direction::outbound || record.attempts > 0;
  if (record.grpc && is_known && span.path.starts_with('/')) return valid_utf8(span.path.substr(1));
  std::string name(record.method.data());
  if (known_method(name) == "_OTHER") name = "HTTP";
  const auto service = text_of(record.service);
  if (!service.empty()) name.append(" ").append(service);
  return valid_utf8(name);
}

/// "host", "host:port", "[v6]:port".
void add_server(Attributes& out, const Span& span) {
  auto host = span.host;
  std::string_view port;
  const auto colon = host.rfind(':');
  const auto bracket = host.rfind(']');
  if (colon != host.npos && (bracket == host.npos || colon > bracket)) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  out.text("server.address", host);
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool is_said = !port.empty() && parsed.ec == std::errc() && number != 0;
  out.number("server.port", is_said ? number : span.record.port);
}

void add_peer(Attributes& out, const SpanRecord& record) {
  const bool inbound = record.direction == Direction::inbound;
  const auto& address = inbound ? record.downstream : record.upstream;
  if (inbound && address.port != 0) out.text("client.address", address.ip.to_string());
  if (address.port != 0) {
    out.text("network.peer.address", address.ip.to_string());
    out.number("network.peer.port", address.port);
  }
}

void add_http(Attributes& out, const Span& span) {
  const auto& record = span.record;
  const std::string_view method(record.method.data());
  out.text("http.request.method", known_method(method));
  if (known_method(method) != method) out.text("http.request.method_original", method);
  if (record.status != 0) out.number("http.response.status_code", record.status);
  out.text("url.path", span.path);
  out.text("url.query", span.query);
  out.text("url.scheme", "http");
  out.text("network.protocol.name", "http");
  out.text("network.protocol.version", record.http2 ? "2" : record.http10 ? "1.0" : "1.1");
  if (record.attempts > 1 && record.direction == Direction::outbound)
    out.number("http.request.resend_count", record.attempts - 1u);
  out.number("http.request.body.size", record.request_bytes);
  out.number("http.response.body.size", record.response_bytes);
}

void add_rpc(Attributes& out, const Span& span) {
  if (!span.record.grpc) return;
  const auto [service, method] = grpc_names(span.path);
  out.text("rpc.system", "grpc");
  out.text("rpc.service", service);
  out.text("rpc.method", method);
  if (span.record.grpc_status) out.number("rpc.grpc.status_code", *span.record.grpc_status);
}

/// As the conventions have it: a client's span fails with any answer that says so, a server's only
/// with what is the server's fault.
bool is_error(const SpanRecord& record) {
  const bool is_callers_fault = record.status >= 400 && record.status < 500;
  if (record.direction == Direction::inbound && is_callers_fault) return false;
  if (record.failed) return true;
  if (record.direction == Direction::inbound) return false;
  return record.status >= 400 || record.grpc_status.value_or(0) != 0;
}

std::string error_type(const SpanRecord& record) {
  if (record.error != ErrorCode::none) return std::string(outcome_name(record.error));
  if (record.grpc_status.value_or(0) != 0) return std::to_string(*record.grpc_status);
  return std::to_string(record.status);
}

void add_ours(Attributes& out, const SpanRecord& record) {
  out.text("epaulet.outcome", outcome_name(record.error));
  out.text("epaulet.service", record.service);
  out.text("epaulet.route", record.route);
  out.text("epaulet.backend", record.backend);
  out.text("epaulet.rule", record.rule);
  out.text("epaulet.peer", record.peer);
  out.text("epaulet.endpoint", record.endpoint);
  out.text("epaulet.request_id", record.request_id.view());
  out.number("epaulet.attempts", record.attempts);
  if (record.mesh_tls) out.truth("epaulet.mesh_tls");
  if (record.is_joined) out.truth("epaulet.trace.joined");
  if (record.links > 0) out.truth("epaulet.trace.guess");
}

array events_of(const Span& span, const storage_ptr& memory) {
  array events(memory);
  for (std::size_t i = 0; i < span.record.events; ++i) {
    const auto& event = span.events[i];
    const auto at = span.record.start_ns + std::int64_t{event.at_us} * 1000;
    object words = words_of(event.event, event.a, event.b);
    object out(memory);
    out["timeUnixNano"] = std::to_string(at);
    out["name"] = std::string_view(words["code"].get_string());
    words.erase("code");
    Attributes attributes(memory);
    for (const auto& [name, value] : words) attributes.any("epaulet." + std::string(name), value);
    out["attributes"] = attributes.take();
    events.push_back(std::move(out));
  }
  return events;
}

array links_of(const Span& span, const storage_ptr& memory) {
  array links(memory);
  for (std::size_t i = 0; i < span.record.links; ++i) {
    Attributes attributes(memory);
    attributes.truth("epaulet.trace.guess");
    object out(memory);
    out["traceId"] = trace_hex(span.links[i]);
    out["spanId"] = hex(span.links[i].span);
    out["flags"] = kSampled;
    out["attributes"] = attributes.take();
    links.push_back(std::move(out));
  }
  return links;
}

object span_json(const Span& span, const storage_ptr& memory) {
  const auto& record = span.record;
  object out(memory);
  out.reserve(12);
  out["traceId"] = trace_hex(record.ids);
  out["spanId"] = hex(record.ids.span);
  if (record.parent != 0) out["parentSpanId"] = hex(record.parent);
  const bool is_remote = record.parent != 0 && !record.is_joined;
  out["flags"] = kSampled | kHasIsRemote | (is_remote ? kIsRemote : 0);
  out["name"] = name_of(span);
  out["kind"] = record.direction == Direction::inbound ? kServer : kClient;
  out["startTimeUnixNano"] = std::to_string(record.start_ns);
  out["endTimeUnixNano"] = std::to_string(record.end_ns);
  Attributes attributes(memory);
  add_http(attributes, span);
  add_rpc(attributes, span);
  add_server(attributes, span);
  add_peer(attributes, record);
  if (is_error(record)) attributes.text("error.type", error_type(record));
  add_ours(attributes, record);
  out["attributes"] = attributes.take();
  if (record.events > 0) out["events"] = events_of(span, memory);
  if (record.links > 0) out["links"] = links_of(span, memory);
  object status(memory);
  if (is_error(record)) {
    status["code"] = kStatusError;
    if (record.error != ErrorCode::none) status["message"] = describe(record.error).summary;
  }
  out["status"] = std::move(status);
  return out;
}

object resource_json(const OtlpResource& resource, const storage_ptr& memory) {
  Attributes attributes(memory);
  attributes.text("service.name", resource.service.empty() ? "unknown_service:epaulet"
                                                           : std::string_view(resource.service));
  attributes.text("service.instance.id", resource.instance);
  attributes.text("host.name", resource.instance);
  attributes.text("telemetry.sdk.name", "epaulet");
  attributes.text("telemetry.sdk.language", "cpp");
  attributes.text("telemetry.sdk.version", resource.version);
  object out(memory);
  out["attributes"] = attributes.take();
  return out;
}

object in_list(std::string_view name, object one) {
  array list(one.storage());
  list.push_back(std::move(one));
  object out(list.storage());
  out[name] = std::move(list);
  return out;
}

/// proto3's JSON has it as text, and takes a number.
std::uint64_t number_in(const boost::json::value& value) {
  if (value.is_int64())
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.get_int64()));
  if (value.is_uint64()) return value.get_uint64();
  if (!value.is_string()) return 0;
  const std::string_view text = value.get_string();
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string otlp_request(const OtlpResource& resource, std::span<const std::string> packed) {
  // All of it goes at once: more than half of the time was the heap's.
  boost::json::monotonic_resource all(64 * limits::kKiB);
  const storage_ptr memory(&all);
  array spans(memory);
  spans.reserve(packed.size());
  for (const auto& one : packed) spans.push_back(span_json(Span(one), memory));
  object scope(memory);
  scope["name"] = "epaulet";
  scope["version"] = resource.version;
  object scope_spans(memory);
  scope_spans["scope"] = std::move(scope);
  scope_spans["spans"] = std::move(spans);
  object resource_spans = in_list("scopeSpans", std::move(scope_spans));
  resource_spans["resource"] = resource_json(resource, memory);
  return serialize(in_list("resourceSpans", std::move(resource_spans)));
}

OtlpAnswer parse_otlp_answer(std::string_view body) {
  constexpr std::size_t kWhyBytesMax = 256;
  OtlpAnswer answer;
  boost::system::error_code error;
  const auto parsed = boost::json::parse(body, error);
  if (error || !parsed.is_object()) return answer;
  const auto* partial = parsed.get_object().if_contains("partialSuccess");
  if (partial == nullptr || !partial->is_object()) return answer;
  if (const auto* rejected = partial->get_object().if_contains("rejectedSpans"))
    answer.rejected = number_in(*rejected);
  const auto* why = partial->get_object().if_contains("errorMessage");
  if (why != nullptr && why->is_string())
    answer.why = std::string_view(why->get_string()).substr(0, kWhyBytesMax);
  return answer;
}

}  // namespace epaulet::telemetry

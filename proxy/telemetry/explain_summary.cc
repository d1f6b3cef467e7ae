#include "telemetry/explain_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error_table.h"
#include "base/stream_error.h"
#include "telemetry/outcome.h"

namespace epaulet::telemetry {
namespace {

const Trace::Entry* last(const Trace& trace, Event event) {
  for (std::size_t i = trace.size(); i > 0; --i) {
    if (trace[i - 1].event == event) return &trace[i - 1];
  }
  return nullptr;
}

std::string hop(Direction direction, StringId service) {
  if (service == 0) return std::string(name_of(direction));
  return fmt::format("{} {}", name_of(direction), text_of(service));
}

std::string quoted_rule(StringId rule, StringId origin) {
  if (origin == 0) return fmt::format("rule \"{}\"", text_of(rule));
  return fmt::format("rule \"{}\" ({})", text_of(rule), text_of(origin));
}

/// "internal, user" is held or allowed: "[internal, user]".
std::string in_brackets(StringId roles) {
  return fmt::format("[{}]", text_of(roles));
}

bool detail_is_errno(ErrorCode code) {
  switch (static_cast<int>(code)) {  // Not by cases: all others mean something else.
    case static_cast<int>(ErrorCode::descriptors_exhausted):
    case static_cast<int>(ErrorCode::memory_exhausted):
    case static_cast<int>(ErrorCode::connect_refused):
    case static_cast<int>(ErrorCode::connect_unreachable):
    case static_cast<int>(ErrorCode::connect_failed):
    case static_cast<int>(ErrorCode::upstream_reset):
    case static_cast<int>(ErrorCode::downstream_reset):
    case static_cast<int>(ErrorCode::reset_before_response):
    case static_cast<int>(ErrorCode::reset_in_response):
    case static_cast<int>(ErrorCode::io_failed):
      return true;
    default:
      return false;
  }
}

/// The error table's sentence, made precise by what the error carries.
std::string fact(const Error& error, StringId note) {
  std::string text(describe(error.code).summary);
  if (const auto number = stream_error_in(error.detail); number && detail_is_errno(error.code)) {
    text += fmt::format(" (HTTP/2 {})", name_of_stream_error(*number));
  } else if (detail_is_errno(error.code) && error.detail > 0) {
    if (const char* name = ::strerrordesc_np(error.detail)) text += fmt::format(" ({})", name);
  }
  if (error.code == ErrorCode::port_not_declared && error.detail > 0) {
    text += fmt::format(": {}", error.detail);
  }
  if (note != 0) text += fmt::format(": {}", text_of(note));
  if (error.code == ErrorCode::breaker_open)
    text += fmt::format("; asked again {} ms later", error.detail);
  if (error.code == ErrorCode::rate_limited)
    text += fmt::format("; one more is allowed {} ms later", error.detail);
  if (error.code == ErrorCode::overloaded && error.detail > 0)
    text += fmt::format("; the limit was {}", error.detail);
  return text;
}

std::string caller(StringId peer, const Trace& trace) {
  const auto* authenticated = last(trace, Event::authenticated);
  const bool token = authenticated != nullptr && authenticated->b != 0;
  if (const auto* key = last(trace, Event::key_accepted); key != nullptr && peer == 0)
    return fmt::format("{}, by API key{}", text_of(key->a), token ? " and with a token" : "");
  if (peer != 0) return fmt::format("{}{}", text_of(peer), token ? " with a token" : "");
  return token ? "the holder of a token" : "the anonymous caller";
}

/// Why the rule refused, as far as the trace tells.
std::string rule_cause(const Error& error, StringId rule, StringId origin, StringId peer,
                       const Trace& trace) {
  const std::string who = caller(peer, trace);
  if (rule == 0) return fmt::format("no rule of `access` admits {}", who);
  const std::string by = quoted_rule(rule, origin);
  if (error.code == ErrorCode::token_required) {
    return fmt::format("{} requires a token, and {} sent none", by, who);
  }
  if (error.code == ErrorCode::key_required) {
    return fmt::format("{} requires an API key, and {} sent none", by, who);
  }
  if (const auto* roles = last(trace, Event::roles_compared)) {
    const std::string held = roles->b == 0 ? "no role" : in_brackets(roles->b);
    if (roles->a == 0) return fmt::format("{} denies it to {}, who holds {}", by, who, held);
    return fmt::format("{} allows {} only; {} holds {}", by, in_brackets(roles->a), who, held);
  }
  return fmt::format("{} does not admit {}", by, who);
}

/// Why access was refused.
std::string access_cause(const Error& error, StringId rule, StringId origin, StringId peer,
                         const Trace& trace) {
  if (error.code == ErrorCode::token_invalid) {
    const auto* refused = last(trace, Event::token_refused);
    return fact(error, error.note != 0 ? error.note : refused != nullptr ? refused->a : 0);
  }
  if (error.code == ErrorCode::key_invalid) {
    const auto* refused = last(trace, Event::key_refused);
    return fact(error, refused != nullptr ? refused->a : error.note);
  }
  const std::string cause = rule_cause(error, rule, origin, peer, trace);
  return error.note == 0 ? cause : fmt::format("{}, since {}", cause, text_of(error.note));
}

bool is_about_access(const Error& error) {
  if (error.code == ErrorCode::path_ambiguous) return false;  // Found out before any rule.
  return error.stage == Stage::authenticate || error.stage == Stage::authorize;
}

std::string endpoint_of(const ExchangeRecord& record) {
  if (record.endpoint != 0) return std::string(text_of(record.endpoint));
  if (record.upstream.port != 0) return record.upstream.to_string();
  return {};
}

std::string target_of(const ExchangeRecord& record) {
  const std::string endpoint = endpoint_of(record);
  if (record.direction == Direction::inbound) {
    return endpoint.empty() ? "the app" : fmt::format("the app at {}", endpoint);
  }
  return endpoint.empty() ? "its endpoint" : endpoint;
}

/// The attempt made it that far, so the failure is one of an attempt.
bool is_about_an_attempt(const ExchangeRecord& record) {
  if (record.attempts == 0 || record.error.side == Side::downstream) return false;
  const auto stage = record.error.stage;
  return stage == Stage::connect || stage == Stage::tls || stage == Stage::send ||
         stage == Stage::receive || stage == Stage::relay || stage == Stage::parse;
}

std::string cause_of(const ExchangeRecord& record) {
  const Error& error = record.error;
  if (is_about_access(error)) {
    return access_cause(error, record.rule, record.rule_origin, record.peer, record.trace);
  }
  StringId note = error.note;
  if (note == 0) {
    const auto* failed = last(record.trace, Event::upstream_tls_failed);
    if (failed != nullptr && error.stage == Stage::tls) note = failed->a;
  }
  if (!is_about_an_attempt(record)) return fact(error, note);
  return fmt::format("attempt {} to {} failed at {}: {}", record.attempts, target_of(record),
                     name_of(error.stage), fact(error, note));
}

std::string seconds(std::chrono::nanoseconds duration) {
  return fmt::format("{:.3f} s", std::chrono::duration<double>(duration).count());
}

std::string slow_sentence(const ExchangeRecord& record, std::string_view what) {
  std::string text =
      fmt::format("{} took {} for {} (status {})", hop(record.direction, record.service),
                  seconds(duration_of(record)), what, record.status);
  if (record.upstream_sent != TimePoint{} && record.upstream_head >= record.upstream_sent) {
    text += fmt::format(", {} of it waiting for the answer of {}",
                        seconds(record.upstream_head - record.upstream_sent), target_of(record));
  }
  return text;
}

bool is_refusal(const ExchangeRecord& record) {
  switch (record.error.stage) {
    case Stage::accept:
    case Stage::detect:
    case Stage::parse:
    case Stage::route:
    case Stage::authenticate:
    case Stage::authorize:
    case Stage::limit:
      return true;
    case Stage::none:
    case Stage::tls:
    case Stage::resolve:
    case Stage::connect:
    case Stage::send:
    case Stage::receive:
    case Stage::relay:
    case Stage::dns:
    case Stage::config:
    case Stage::shutdown:
      return false;
  }
  return false;
}

/// What the caller got, as it understands it.
std::string answer_of(const ExchangeRecord& record) {
  if (record.grpc_status) return fmt::format("gRPC status {}", *record.grpc_status);
  return fmt::format("{}", record.status);
}

std::string upstream_sentence(const ExchangeRecord& record, std::string_view what) {
  std::string text = fmt::format("{} got {} for {} from {}", hop(record.direction, record.service),
                                 answer_of(record), what, target_of(record));
  if (const StringId reason = upstream_reason(record.trace)) {
    text += fmt::format(", whose sidecar says: {}", text_of(reason));
  }
  return text;
}

/// What audit mode did not carry out.
std::string audit_sentence(std::string_view at, std::string_view what, ErrorCode would_be,
                           StringId rule, StringId origin) {
  const std::string by = rule == 0 ? "" : fmt::format(" of {}", quoted_rule(rule, origin));
  return fmt::format("{} let {} through in audit mode{}: {}", at, what, by,
                     describe(would_be).summary);
}

/// What a route's cors answered.
std::string preflight_sentence(const ExchangeRecord& record) {
  const auto* event = last(record.trace, Event::preflight);
  const std::string by = event == nullptr ? "" : fmt::format(" ({})", text_of(event->b));
  const bool allowed = record.status < 300;
  return fmt::format(
      "{} answered a CORS preflight with {}: the origin is {}allowed by cors of "
      "route \"{}\"{}",
      hop(record.direction, record.service), record.status, allowed ? "" : "not ",
      text_of(record.route), by);
}

/// What a route's cors, request_redirect or fault.delay did.
std::string shaped_sentence(const ExchangeRecord& record, std::string_view what) {
  if (record.shaped == Shaped::preflight) return preflight_sentence(record);
  const bool redirected = record.shaped == Shaped::redirected;
  const auto* event = last(record.trace, redirected ? Event::redirected : Event::fault_delayed);
  const std::string by = event == nullptr ? "" : fmt::format(" ({})", text_of(event->b));
  const std::string at = hop(record.direction, record.service);
  if (redirected) {
    return fmt::format("{} redirected {} with {}, as route \"{}\"{} says", at, what, record.status,
                       text_of(record.route), by);
  }
  return fmt::format("{} held {} up for {}, a fault injected by route \"{}\"{}; it got {}", at,
                     what, seconds(std::chrono::microseconds(event == nullptr ? 0 : event->a)),
                     text_of(record.route), by, answer_of(record));
}

/// A route's single_flight.
std::string shared_sentence(const ExchangeRecord& record, std::string_view what) {
  const auto* event = last(record.trace, Event::followed);
  const std::string waited =
      event == nullptr ? ""
                       : fmt::format(" after {}", seconds(std::chrono::microseconds(event->b)));
  const std::string from =
      record.endpoint != 0 ? fmt::format(" of {}", text_of(record.endpoint)) : "";
  return fmt::format("{} gave {} the answer {}{} that another request which asked the same got{}",
                     hop(record.direction, record.service), what, answer_of(record), from, waited);
}

std::string_view verb_of(ConnectionRecord::Kind kind) {
  switch (kind) {
    case ConnectionRecord::Kind::tunnel:
      return "broke off the tunnel";
    case ConnectionRecord::Kind::handshake:
      return "ended the handshake";
    case ConnectionRecord::Kind::refused:
      return "refused the connection";
  }
  return "refused the connection";
}

}  // namespace

std::string summary_of(const ExchangeRecord& record, bool slow) {
  const std::string_view method = method_of(record);
  const std::string what = method.empty() ? "a request" : std::string(method);
  const std::string at = hop(record.direction, record.service);
  if (record.error.code == ErrorCode::none) {
    const bool failed = has_failed(record);
    if (record.audited != ErrorCode::none && !failed) {
      return audit_sentence(at, what, record.audited, record.audit_rule, record.audit_origin);
    }
    if (record.shaped != Shaped::no && !failed) return shaped_sentence(record, what);
    if (record.shared && !failed) return shared_sentence(record, what);
    return slow && !failed ? slow_sentence(record, what) : upstream_sentence(record, what);
  }
  std::string route;
  if (record.direction == Direction::outbound && record.route != 0) {
    route = fmt::format(" (route \"{}\")", text_of(record.route));
  }
  const std::string cause = cause_of(record);
  if (record.status == 0)
    return fmt::format("{} gave no answer to {}{}: {}", at, what, route, cause);
  if (!record.status_is_ours) {
    return fmt::format("{} broke off the answer {} to {}{}: {}", at, record.status, what, route,
                       cause);
  }
  return fmt::format("{} {} {} with {}{}: {}", at, is_refusal(record) ? "refused" : "answered",
                     what, answer_of(record), route, cause);
}

std::string summary_of(const ConnectionRecord& record) {
  if (record.error.code == ErrorCode::none && record.audited != ErrorCode::none) {
    return audit_sentence(hop(record.direction, record.service), "a connection", record.audited,
                          record.audit_rule, record.audit_origin);
  }
  std::string text = fmt::format("{} {} from {}", hop(record.direction, record.service),
                                 verb_of(record.kind), record.downstream.to_string());
  if (record.destination.port != 0) text += fmt::format(" to {}", record.destination.to_string());
  if (is_about_access(record.error)) {
    return fmt::format(
        "{}: {}", text,
        access_cause(record.error, record.rule, record.rule_origin, record.peer, record.trace));
  }
  const StringId note = record.diagnosis != 0 ? record.diagnosis : record.error.note;
  if (record.error.side == Side::upstream && record.endpoint != 0) {
    text += fmt::format(" at {} to {}", name_of(record.error.stage), text_of(record.endpoint));
  }
  return fmt::format("{}: {}", text, fact(record.error, note));
}

namespace {

std::string before_enforcing(ErrorCode would_be) {
  return fmt::format("before `mode: audit` is taken away: {}", describe(would_be).remedy);
}

}  // namespace

std::string remedy_of(const ConnectionRecord& record) {
  if (record.error.code == ErrorCode::none && record.audited != ErrorCode::none)
    return before_enforcing(record.audited);
  return std::string(describe(record.error.code).remedy);
}

std::string remedy_of(const ExchangeRecord& record) {
  if (record.error.code != ErrorCode::none) return std::string(describe(record.error.code).remedy);
  if (upstream_reason(record.trace) != 0) {
    return fmt::format("ask the next sidecar: `epaulet explain {}` there",
                       record.request_id.view());
  }
  if (record.audited != ErrorCode::none && !has_failed(record))
    return before_enforcing(record.audited);
  if (record.shaped != Shaped::no && !has_failed(record))
    return "nothing failed: the configuration asks for it";
  if (has_failed(record)) {
    return "look at the service's own log at this time: the answer is its own";
  }
  return "look at the events for where the time went";
}

}  // namespace epaulet::telemetry

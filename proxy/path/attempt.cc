#include "path/attempt.h"

#include <charconv>

#include "base/ascii.h"
#include "base/error_table.h"
#include "http/criticality.h"
#include "http/deadline.h"
#include "http/grpc.h"
#include "http/hop_by_hop.h"
#include "path/proxy_status.h"
#include "path/rate_limits.h"
#include "path/single_flight.h"
#include "path/upgrade.h"
#include "path/witness.h"
#include "policy/header_hygiene.h"

namespace epaulet::path {
namespace {

using telemetry::Event;

const Error kNoError;
constexpr std::string_view kRetriesExhausted = "x-epaulet-retries-exhausted";
constexpr std::string_view kEnvoyOverloaded = "x-envoy-overloaded";
constexpr std::string_view kAttemptCount = "x-envoy-attempt-count";
constexpr std::size_t kReasonBytesMax = 256;
/// The next hop is to give up after us, not before: we may ask another endpoint then.
constexpr std::chrono::milliseconds kNextHopSlack{5};

/// Of a gRPC call: `grpc-timeout`.
std::optional<TimePoint> own_deadline(const Exchange& exchange) {
  if (!exchange.has_own_deadline) return std::nullopt;
  return exchange.record.start + exchange.given_time.value_or(Duration::zero());
}

/// The next hop hears that this is not the first attempt, as Envoy says it; what the app says there
/// was of another request.
void tell_attempt(Exchange& exchange) {
  auto& request = exchange.request;
  for (http::Field& field : request.fields) {
    if (equals_ignore_case(field.name, kAttemptCount)) field.removed = true;
  }
  request.added.add(kAttemptCount, std::to_string(exchange.record.attempts));
}

/// What said that time is up.
std::string_view name_of_time(ErrorCode code) {
  if (code == ErrorCode::idle_timeout) return "timeouts.idle";
  if (code == ErrorCode::request_timeout) return "timeouts.request";
  return "the caller's own deadline";
}

/// `Keep-Alive: timeout=5`: the old field that node and others still send.
std::optional<std::chrono::seconds> keep_alive_timeout(const http::ResponseHead& head) {
  const auto* field = head.find(http::FieldId::keep_alive);
  if (field == nullptr) return std::nullopt;
  std::optional<std::chrono::seconds> timeout;
  for_each_element(field->value, [&](std::string_view element) {
    constexpr std::string_view kName = "timeout=";
    if (element.size() <= kName.size() ||
        !equals_ignore_case(element.substr(0, kName.size()), kName))
      return;
    element.remove_prefix(kName.size());
    unsigned seconds = 0;
    const auto parsed = std::from_chars(element.data(), element.data() + element.size(), seconds);
    if (parsed.ec == std::errc{}) timeout = std::chrono::seconds(seconds);
  });
  return timeout;
}

}  // namespace

Attempt::Attempt(Exchange& exchange, const Plan& plan, upstream::Lease& upstream, Witness& witness)
    : Attempt(exchange, plan, upstream, witness, *exchange.scope, exchange.response) {
  is_second_ = false;
}

Attempt::Attempt(Exchange& exchange, const Plan& plan, upstream::Lease& upstream, Witness& witness,
                 Scope& parent, http::ResponseHead& response)
    : exchange_(exchange),
      plan_(plan),
      upstream_(upstream),
      witness_(witness),
      trust_(exchange.worker().trust_watch, parent, upstream.rests_on),
      scope_(parent),
      upload_scope_(scope_),
      is_second_(true),
      response_(&response),
      idle_(scope_) {
  if (!exchange.untimed) start_attempts_time();
  idle_.start(plan.timeouts->idle, {ErrorCode::idle_timeout, Side::upstream, Stage::relay});
}

void Attempt::start_attempts_time() {
  if (plan_.timeouts->attempt.count() == 0) return;
  scope_.set_deadline(
      exchange_.now() + plan_.timeouts->attempt,
      {ErrorCode::attempt_timeout, Side::upstream, Stage::receive, Retry::if_idempotent});
}

/// The request is complete: now the app is to answer.
void Attempt::start_calls_time() {
  if (!exchange_.untimed || has_head_) return;
  exchange_.untimed = false;
  start_attempts_time();
  if (plan_.timeouts->request.count() == 0) return;
  const auto at = exchange_.now() + plan_.timeouts->request - exchange_.delayed;
  if (const auto own = own_deadline(exchange_); own && *own <= at) return;
  exchange_.scope->set_deadline(at, {ErrorCode::request_timeout, Side::upstream, Stage::receive});
}

/// The request is complete. What ends earlier anyhow keeps its own name.
void Attempt::start_first_bytes_time() {
  if (plan_.timeouts->first_byte.count() == 0 || has_head_) return;
  const auto at = exchange_.now() + plan_.timeouts->first_byte;
  if (const auto due = scope_.deadline(); due && *due <= at) return;
  scope_.set_deadline(
      at, {ErrorCode::first_byte_timeout, Side::upstream, Stage::receive, Retry::if_idempotent});
}

/// Behind the response head, where the route says so.
void Attempt::start_streams_time() {
  if (plan_.timeouts->stream_idle.count() == 0) return;
  idle_.start(plan_.timeouts->stream_idle, kStreamIdle);
}

bool Attempt::retries_exhausted_upstream() const {
  return response_->find(kRetriesExhausted) != nullptr;
}

bool Attempt::overloaded_upstream() const {
  return response_->find(kEnvoyOverloaded) != nullptr;
}

/// What ended the work is the scope's reason where there is one: the operation only tells that it
/// was cancelled.
Error Attempt::reason(const Error& error) const {
  if (exchange_.scope->cancelled()) return *exchange_.scope->cancelled();
  if (scope_.cancelled()) return *scope_.cancelled();
  return error;
}

/// When time is up, whoever was waited for is at fault: a body that does not come is the caller's.
Error Attempt::blamed(const Error& error) const {
  const bool time_is_up = error.code == ErrorCode::request_timeout ||
                          error.code == ErrorCode::deadline_exceeded ||
                          error.code == ErrorCode::idle_timeout;
  if (!time_is_up || !awaits_caller_ || !may_continue_) return error;
  Error late(ErrorCode::body_timeout, Side::downstream, Stage::receive);
  late.note = telemetry::intern(name_of_time(error.code));
  return late;
}

Duration Attempt::waited() const {
  if (has_head_ || (awaits_caller_ && may_continue_)) return Duration::zero();
  return exchange_.now() - idle_.last();
}

Task<Error> Attempt::send() {
  auto& writer = upstream_.stream().writer();
  if (exchange_.request.framing.kind == http::Framing::Kind::none) {
    const http::Chunk end({}, true);
    const auto sent = co_await writer.push(end, upload_scope_);
    if (!sent) co_return sent.error();
  } else {
    // Complete with its head to an app of HTTP/1, but not to who has still to end its stream: if
    // DATA come, it was malformed.
    const auto& framing = exchange_.request.framing;
    const bool is_all_head = framing.kind == http::Framing::Kind::length && framing.length == 0;
    for (unsigned chunks = 1; !writer.complete(); ++chunks) {
      if (writer.has_pending() && !is_all_head && !exchange_.body.ready()) {
        const auto flushed = co_await writer.flush(upload_scope_);
        if (!flushed) co_return flushed.error();
      }
      awaits_caller_ = true;
      auto chunk = co_await exchange_.body.pull(upload_scope_);
      if (!chunk) {
        // The caller's failure ends the exchange, not only this half.
        if (chunk.error().side == Side::downstream) exchange_.scope->cancel(chunk.error());
        co_return chunk.error();
      }
      awaits_caller_ = false;
      idle_.touch();
      if (!chunk->trailers.empty()) {
        trailers_ =
            clean_request_trailers(exchange_.request, chunk->trailers,
                                   plan_.inbound ? &exchange_.snapshot().authenticator : nullptr);
        chunk->trailers = trailers_;
      }
      const auto sent = co_await writer.push(*chunk, upload_scope_);
      if (!sent) co_return sent.error();
      idle_.touch();
      if (chunks % limits::kChunksPerTurn == 0) co_await next_turn(exchange_.worker().loop);
    }
  }
  has_sent_all_ = true;
  if (is_second_) {
    start_first_bytes_time();
    co_return kNoError;
  }
  exchange_.record.request_bytes = writer.bytes();
  exchange_.trace(Stage::send, Event::request_sent, static_cast<std::uint32_t>(writer.bytes()));
  send_copy(exchange_, plan_);
  exchange_.place.asked(exchange_.now());
  exchange_.watch_downstream(&upstream_.stream());
  start_calls_time();
  start_first_bytes_time();
  co_return kNoError;
}

/// The next hop hears how much time there is, so that it does not go on for nobody: in gRPC's field
/// if the client wrote one, else in ours, which the next sidecar takes out. What is outside the
/// mesh hears nothing that the client did not say.
void Attempt::pass_deadline() {
  auto& request = exchange_.request;
  if (const auto lines = request.added.lines(); lines.size() > exchange_.added_bytes) {
    const std::string kept(lines.substr(0, exchange_.added_bytes));  // Not the last attempt's.
    request.added.clear();
    request.added.append(kept);
  }
  const bool in_grpcs = exchange_.has_own_deadline;
  if (!in_grpcs && (plan_.inbound || upstream_.peer == 0 || exchange_.is_grpc())) return;
  const auto at = scope_.deadline();
  if (!at) return;
  const auto left = *at - exchange_.now();
  if (!in_grpcs) {
    return request.added.add(http::kDeadlineField,
                             http::DeadlineText(left + kNextHopSlack).milliseconds());
  }
  for (http::Field& field : request.fields) {
    if (equals_ignore_case(field.name, "grpc-timeout")) field.removed = true;
  }
  request.added.add("grpc-timeout", http::DeadlineText(left).grpc());
}

/// Over which hop the request goes, for whoever reads of it.
void Attempt::note_upstream() {
  auto& record = exchange_.record;
  if (!plan_.inbound) {
    record.peer = upstream_.peer;
    record.mesh_tls = upstream_.peer != 0;
    record.multiplexed = upstream_.is_carried();
  }
  record.upstream_sent = sent_at_;
}

void Attempt::note_head() {
  exchange_.record.upstream_head = head_at_;
  exchange_.place.answered(head_at_, response_->status < 500);
  exchange_.trace(Stage::receive, Event::response_head, response_->status);
}

Task<Error> Attempt::until_head() {
  sent_at_ = exchange_.now();
  witness_.asked(sent_at_);
  if (!is_second_) note_upstream();
  pass_deadline();
  // Behind the deadline, which forgets what the last attempt has added.
  if (!plan_.inbound && exchange_.record.attempts > 1) tell_attempt(exchange_);
  if (!plan_.criticality.empty() && upstream_.peer != 0)
    exchange_.request.added.add(http::kCriticalityField, plan_.criticality);
  upstream_.stream().begin_request(exchange_.request);
  may_continue_ = !exchange_.request.expects_continue;
  upload_.start(send());
  const Error error = co_await read_final_head();
  // An answer that begins when the exchange has ended meanwhile would be half of one.
  if (error.code != ErrorCode::none || exchange_.scope->cancelled())
    co_return blamed(reason(error));
  if (only_seems_to_agree())
    co_return Error(ErrorCode::upgrade_unsupported, Side::upstream, Stage::receive);
  has_head_ = true;
  scope_.clear_deadline();
  start_streams_time();
  head_at_ = exchange_.now();
  witness_.head_came(head_at_);
  if (!is_second_) note_head();
  if (const auto timeout = keep_alive_timeout(*response_)) {
    exchange_.worker().pool.learn(upstream_.key(), *timeout);
  }
  co_return kNoError;
}

void Attempt::adopt(http::ResponseHead& response) {
  is_second_ = false;
  response_ = &response;
  note_upstream();
  note_head();
  if (has_sent_all_) exchange_.watch_downstream(&upstream_.stream());
}

/// Who asked in an extended CONNECT takes any 2xx for the agreement (RFC 8441 section 5). An app
/// that answers the GET which it stands for with a page has not agreed.
bool Attempt::only_seems_to_agree() const {
  const auto status = response_->status;
  const bool by_connect = exchange_.http1 == nullptr && !exchange_.request.upgrade.empty();
  return by_connect && status >= 200 && status < 300;
}

Task<Error> Attempt::read_final_head() {
  for (std::size_t informational = 0;; ++informational) {
    const auto read =
        co_await upstream_.stream().read_head(exchange_.request.method, *response_, scope_);
    if (!read) {
      // The peer that resets while we send may have said why before: that answer was just looked
      // for in vain, so the upload's own error tells more where it is one.
      co_return read.error();
    }
    idle_.touch();
    if (!response_->informational()) co_return kNoError;
    if (informational == limits::kInformationalResponsesMax) {
      co_return Error(ErrorCode::response_malformed, Side::upstream, Stage::receive);
    }
    const auto passed = co_await pass_informational();
    if (!passed) co_return passed.error();
  }
}

Task<Result<void>> Attempt::pass_informational() {
  // Two attempts' would get mixed up, where nobody knows yet whose answer it will be.
  if (is_second_) co_return Result<void>();
  // RFC 9110 section 15.2: never to an HTTP/1.0 client.
  if (exchange_.request.version == http::Version::http10) co_return Result<void>();
  if (response_->status == 100) may_continue_ = true;
  http::remove_hop_by_hop(*response_);
  strip_reasons();
  co_return co_await exchange_.server.send_informational(*response_, scope_);
}

/// Why something failed is for whoever may know, in informational heads too.
void Attempt::strip_reasons() {
  const Connection& connection = exchange_.connection;
  const auto& ports = exchange_.snapshot().settings.workload.ports;
  const auto port = ports.find(connection.destination.port);
  const bool expose = plan_.inbound && port != ports.end() && port->second.expose;
  const auto reader = !plan_.inbound            ? Reader::own_app
                      : connection.peer.empty() ? Reader::outsider
                                                : Reader::mesh_sidecar;
  if (plan_.inbound) strip_own_words(*response_);
  strip_response(*response_, reader, expose);
}

void Attempt::prepare_response() {
  auto& response = exchange_.response;
  const bool switching = response.status == 101;
  http::remove_hop_by_hop(response, switching && !response.upgrade.empty() ? http::Upgrading::yes
                                                                           : http::Upgrading::no);
  if (const auto* told = response.find(http::FieldId::proxy_status);
      told != nullptr && !plan_.inbound && upstream_.peer != 0) {
    exchange_.trace(Stage::receive, Event::upstream_reason,
                    telemetry::intern_foreign(told->value.substr(0, kReasonBytesMax)));
  }
  strip_reasons();
  if (plan_.shaping != nullptr && plan_.shaping->rules.response_headers)
    plan_.shaping->rules.response_headers->apply(response);
  if (exchange_.cors != nullptr && !switching) exchange_.cors->apply(exchange_.request, response);
  // The app that is asked may have limits of its own, and says more of them than we.
  if (exchange_.rate && response.find("ratelimit-limit") == nullptr)
    add_rate_fields(exchange_, response.added);
  if (plan_.session.begins) {
    const auto& backend = *exchange_.snapshot().backends[plan_.backend].settings;
    set_cookie(response, plan_.session, *backend.balance.by);
  }
}

std::optional<Error> Attempt::told_failure() const {
  if (plan_.inbound || upstream_.peer == 0) return std::nullopt;
  const auto* told = response_->find(http::FieldId::proxy_status);
  return told == nullptr ? std::nullopt : failure_told_in(told->value);
}

Task<void> Attempt::discard() {
  prepare_response();
  auto& body = upstream_.stream().body();
  std::size_t bytes = 0;
  while (!body.complete() && bytes < limits::kDrainedBodyBytesMax) {
    const auto chunk = co_await body.pull(scope_);
    if (!chunk) break;
    bytes += chunk->bytes.size();
  }
}

Task<Error> Attempt::deliver() {
  auto& server = exchange_.server;
  auto& response = exchange_.response;
  prepare_response();
  if (response.status == 101) {
    idle_.stop();
    co_return co_await switch_protocols(exchange_, upstream_, upload_, plan_.timeouts->stream_idle);
  }
  // An upstream that answers early and keeps its connection goes on reading; told to close, some
  // callers would stop in the middle of what it wants to hear. Otherwise nobody reads the rest.
  const bool rest_is_read =
      exchange_.server.body().complete() || (response.keep_alive && !was_cut_);
  const auto& worker = exchange_.worker();
  const auto& connection = exchange_.connection;
  const bool old_trust = connection.inbound() && connection.mesh_tls &&
                         connection.trust != worker.tls.trust_generation();
  const bool keep = rest_is_read && !(plan_.inbound && worker.draining) && !old_trust;
  if (plan_.fallback != nullptr) copy_.begin(exchange_, plan_);
  if (exchange_.flight != nullptr) exchange_.flight->begin_answer();
  note_change(plan_);
  server.begin_response(exchange_.request, response, keep);
  // A stream, or a download that takes its time: it may last while it moves. The deadline of a gRPC
  // call is its client's, and for all of it.
  exchange_.scope->clear_deadline();
  if (const auto own = own_deadline(exchange_)) {
    exchange_.scope->set_deadline(*own,
                                  {ErrorCode::deadline_exceeded, Side::upstream, Stage::receive});
  }
  exchange_.committed = true;
  exchange_.record.status = response.status;
  if (exchange_.is_grpc()) exchange_.record.grpc_status = http::grpc_status(response);
  co_return co_await copy_body();
}

Task<Error> Attempt::copy_body() {
  auto& writer = exchange_.server.writer();
  auto& body = upstream_.stream().body();
  for (unsigned chunks = 1; !writer.complete(); ++chunks) {
    if (writer.has_pending() && !body.ready()) {
      const auto flushed = co_await writer.flush(scope_);
      if (!flushed) co_return reason(flushed.error());
    }
    auto chunk = co_await body.pull(scope_);
    if (!chunk) {
      const Error why = reason(chunk.error());
      co_await break_off(why);
      co_return why;
    }
    idle_.touch();
    if (!chunk->bytes.empty()) witness_.message_came();
    if (exchange_.now() - exchange_.record.start >= telemetry::InFlight::kListedFor)
      exchange_.in_flight.unlist();
    copy_.add(chunk->bytes);
    if (exchange_.flight != nullptr) exchange_.flight->add(*chunk);
    for (const auto& pair : exchange_.mirrors) pair->original.body.add(chunk->bytes);
    if (!chunk->trailers.empty() && exchange_.is_grpc())
      exchange_.record.grpc_status = http::grpc_status(chunk->trailers);
    // Before its caller, which may ask again at once: that one is alone.
    if (chunk->end) exchange_.in_flight.leave();
    const auto sent = co_await writer.push(*chunk, scope_);
    if (!sent) co_return reason(sent.error());
    idle_.touch();
    if (chunks % limits::kChunksPerTurn == 0) co_await next_turn(exchange_.worker().loop);
  }
  exchange_.in_flight.leave();  // There may have been no body.
  copy_.keep(exchange_, plan_);
  if (exchange_.flight != nullptr) exchange_.flight->land();
  for (const auto& pair : exchange_.mirrors) {
    pair->original.status = exchange_.response.status;
    pair->original.is_whole = true;
  }
  exchange_.record.response_bytes = writer.bytes();
  exchange_.trace(Stage::relay, Event::body_done, static_cast<std::uint32_t>(writer.bytes()));
  co_return kNoError;
}

/// Nothing more comes of an answer that has begun. A caller of gRPC hears it as its call's status;
/// any other is reset, so that half is not taken for whole.
Task<void> Attempt::break_off(Error why) {
  auto& writer = exchange_.server.writer();
  // Where the answer has said how long it is, no end but the one that it announced is well-formed
  // (RFC 9113 section 8.1.1).
  const bool may_end = exchange_.response.find(http::FieldId::content_length) == nullptr;
  if (exchange_.is_grpc() && may_end && why.side != Side::downstream) {
    co_await stop(why);               // The app works no longer, however late its caller hears.
    Scope telling(exchange_.parent);  // This attempt's may be what has ended.
    telling.set_deadline(exchange_.now() + std::chrono::seconds(1),
                         {ErrorCode::idle_timeout, Side::downstream, Stage::send});
    const std::string trailers = grpc_trailers(exchange_, why);
    const http::Chunk end({}, true, trailers);
    exchange_.record.grpc_status = describe(why.code).grpc_status;
    const auto told = co_await writer.push(end, telling);
    if (told) co_return;
  }
  writer.abort(why);
}

Task<void> Attempt::finish() {
  if (upload_.running() || upload_.ended()) {
    // An answer that came before the request was complete. Who keeps the connection reads the rest;
    // otherwise nobody does. The end of an HTTP/2 answer is the end of its stream.
    if (upload_.running() && (!exchange_.response.keep_alive || exchange_.http1 == nullptr)) {
      upload_scope_.cancel({ErrorCode::cancelled, Side::self, Stage::send});
    }
    (void)co_await upload_.join();
  }
  idle_.stop();
  exchange_.unwatch_downstream();
  upstream_.stream().finish();
}

Task<void> Attempt::end_upload() {
  upload_scope_.cancel({ErrorCode::cancelled, Side::self, Stage::send});
  if (upload_.running() || upload_.ended()) (void)co_await upload_.join();
  was_cut_ = !has_sent_all_;
}

Task<void> Attempt::stop(Error why) {
  idle_.stop();
  if (why.code == ErrorCode::none) why = {ErrorCode::cancelled, Side::self, Stage::send};
  scope_.cancel(why);
  if (upload_.running() || upload_.ended()) (void)co_await upload_.join();
  if (!is_second_) exchange_.unwatch_downstream();
  upstream_.stream().abandon(why);
}

}  // namespace epaulet::path

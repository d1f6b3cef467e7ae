#include "path/fallback.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/error_table.h"
#include "http/grpc.h"
#include "http/stale.h"
#include "path/session.h"
#include "policy/token_place.h"

namespace epaulet::path {
namespace {

using resilience::LastGood;
using telemetry::Counter;
using telemetry::Event;

std::string_view value_of(const http::RequestHead& request, std::string_view name) {
  const auto* field = request.find(name);
  return field == nullptr ? std::string_view() : field->value;
}

/// What responses may vary by and still be kept (http/stale.h).
std::string key_of(const http::RequestHead& request) {
  return fmt::format("{} {}\n{}\n{}\n{}", request.authority, request.target,
                     value_of(request, "accept"), value_of(request, "accept-encoding"),
                     value_of(request, "accept-language"));
}

/// Not for who dials an endpoint: another one's answer is none of that one's.
LastGood::ResponsePtr last_good(const Exchange& exchange, const Plan& plan) {
  const auto& fallback = *plan.fallback;
  const auto method = exchange.request.method;
  if (fallback.last_good == nullptr || plan.pinned) return nullptr;
  if (method != http::Method::get && method != http::Method::head) return nullptr;
  return fallback.last_good->find(key_of(exchange.request), exchange.now());
}

bool may_be_repeated(const Exchange& exchange, const Plan& plan) {
  const auto& request = exchange.request;
  return resilience::may_repeat(*plan.retry, request.method,
                                request.find(http::FieldId::idempotency_key) != nullptr);
}

/// Whether the request may have reached an app, though it `ended` so. One that may not be repeated
/// has met one app at most, with its last attempt.
bool may_have_arrived(const Exchange& exchange, const Error& ended) {
  return exchange.record.upstream_sent != TimePoint() && ended.retry != Retry::safe;
}

/// Another backend may do once more what the first has done.
bool may_ask_another(const Exchange& exchange, const Plan& plan, bool arrived) {
  return plan.fallback->backend != Destination::kNone && exchange.body.replayable() &&
         !exchange.scope->cancelled() && (!arrived || may_be_repeated(exchange, plan));
}

/// An answer in plain HTTP would do.
bool suits(const Exchange& exchange, const Plan& plan) {
  return plan.fallback != nullptr && !exchange.committed && !exchange.is_grpc() &&
         exchange.request.upgrade.empty() && exchange.delivery == nullptr;
}

/// The caller's own fault stays its own, and a limit is no failure.
bool is_ours_to_mend(const Exchange& exchange, const Error& ended) {
  return ended.side != Side::downstream && describe(ended.code).http_status >= 500 &&
         !exchange.server.writer().broken();
}

/// An injected fault is what the backend might have answered.
bool is_left_alone(const Plan& plan, const Error& ended) {
  if (ended.code != ErrorCode::fault_injected) return false;
  return !plan.fallback->failures.is_failure(static_cast<std::uint16_t>(ended.detail & 0xffff));
}

Task<Result<void>> give(Exchange& exchange, std::uint16_t status, std::string_view lines,
                        std::string_view body, Counter counter, std::string_view kind) {
  // The scope may have ended with the exchange; sending the answer has a limit of its own.
  exchange.scope.emplace(exchange.parent);
  exchange.scope->set_deadline(exchange.now() + std::chrono::seconds(5),
                               {ErrorCode::idle_timeout, Side::downstream, Stage::send});
  exchange.worker().telemetry.count(counter);
  exchange.trace(Stage::send, Event::fell_back, telemetry::intern(kind), status);
  exchange.record.status = status;
  exchange.record.status_is_ours = true;
  exchange.committed = true;
  const bool keep = co_await exchange.server.skip_buffered_body(*exchange.scope);
  http::ResponseHead head;
  head.status = status;
  head.framing = {body.empty() ? http::Framing::Kind::none : http::Framing::Kind::length,
                  body.size()};
  if (exchange.cors == nullptr) {
    head.added.append(lines);
  } else {  // What was kept may be from before the route had any.
    head.added.append(Cors::without_app_words(lines));
    exchange.cors->add_lines(exchange.request, head.added);
  }
  // RFC 9110 section 8.6: not where there can be no body.
  if (status != 204 && status != 304) head.added.add("Content-Length", std::to_string(body.size()));
  head.added.add("X-Request-Id", exchange.record.request_id.view());
  exchange.server.begin_response(exchange.request, head, keep);
  const bool with_body = exchange.request.method != http::Method::head;
  const http::Chunk chunk(with_body ? as_bytes(body) : ConstBytes(), true);
  co_return co_await exchange.server.writer().push(chunk, *exchange.scope);
}

Task<Result<void>> give_last_good(Exchange& exchange, LastGood::ResponsePtr kept) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(exchange.now() - kept->since);
  // RFC 9111 section 5.1, RFC 9211.
  const auto lines =
      fmt::format("{}Age: {}\r\nCache-Status: epaulet; hit; detail=stale-if-error\r\n",
                  kept->fields, age.count());
  co_return co_await give(exchange, kept->status, lines, kept->body, Counter::fallback_last_good,
                          "last_good");
}

Task<Error> ask_another(Exchange& exchange, const Plan& plan) {
  const Snapshot& snapshot = exchange.snapshot();
  const auto index = plan.fallback->backend;
  const auto& backend = snapshot.backends[index];
  Plan other = plan;
  other.fallback = nullptr;
  other.is_counted = true;
  other.hedge = nullptr;  // Which knows how fast the route's own backend is.
  other.backend = index;
  other.pinned.reset();
  other.breaker = snapshot.breaker_of(nullptr, index);
  other.http = backend.settings->http;
  auto& worker = exchange.worker();
  other.session =
      session_of(worker.shared, backend.settings->balance, exchange.request, worker.loop.random());
  exchange.trace(Stage::route, Event::fell_back, backend.name);
  exchange.record.backend = backend.name;
  exchange.body.rewind();
  exchange.response.clear();
  // A copy is compared with the answer of whom the route means, and there is none. Nor is it sent
  // by whoever stands in.
  exchange.mirrors.clear();
  const Error ended = co_await fulfil(exchange, other);
  if (exchange.committed) worker.telemetry.count(Counter::fallback_backend);
  co_return ended;
}

}  // namespace

bool shows_credentials(const Exchange& exchange) {
  const auto& settings = exchange.snapshot().settings;
  const auto& request = exchange.request;
  if (request.find(settings.api_keys.header) != nullptr) return true;
  return std::any_of(settings.issuers.begin(), settings.issuers.end(), [&](const auto& issuer) {
    const auto& token = issuer.second.token;  // In a cookie or in Authorization it shows by itself.
    if (!token.query.empty()) return TokenPlace(token).find(request).is_there;
    return !token.header.empty() && request.find(token.header) != nullptr;
  });
}

bool is_to_be_replaced(const Exchange& exchange, const Plan& plan, std::uint16_t status,
                       const Error& told) {
  if (!suits(exchange, plan) || !plan.fallback->failures.is_failure(status)) return false;
  const auto& fallback = *plan.fallback;
  return fallback.settings->answer ||
         may_ask_another(exchange, plan, may_have_arrived(exchange, told)) ||
         last_good(exchange, plan) != nullptr;
}

Task<Error> fall_back(Exchange& exchange, const Plan& plan, Error ended) {
  if (!suits(exchange, plan) || !is_ours_to_mend(exchange, ended)) co_return ended;
  if (is_left_alone(plan, ended)) co_return ended;
  const auto& fallback = *plan.fallback;
  if (auto kept = last_good(exchange, plan)) {
    (void)co_await give_last_good(exchange, std::move(kept));
    co_return ended;
  }
  if (may_ask_another(exchange, plan, may_have_arrived(exchange, ended))) {
    const auto other = co_await ask_another(exchange, plan);
    if (exchange.committed) co_return other;
  }
  if (fallback.settings->answer && is_ours_to_mend(exchange, ended)) {
    const auto& fixed = *fallback.settings->answer;
    const auto lines = fmt::format("Content-Type: {}\r\n", fixed.content_type);
    (void)co_await give(exchange, fixed.status, lines, fixed.body, Counter::fallback_static,
                        "static");
  }
  co_return ended;
}

void KeptCopy::begin(const Exchange& exchange, const Plan& plan) {
  give_up();
  if (!suits(exchange, plan) || plan.fallback->last_good == nullptr || plan.pinned) return;
  const auto& response = exchange.response;
  if (exchange.request.method != http::Method::get || response.status >= 300) return;
  const auto declared = plan.fallback->settings->last_good->keep;
  const auto lasts =
      http::stale_for(exchange.request, response, declared, shows_credentials(exchange));
  key_ = key_of(exchange.request);
  if (!lasts) return plan.fallback->last_good->forget(key_);
  active_ = true;
  lasts_ = *lasts;
  response_ = {};
  response_.status = response.status;
  for (const http::Field& field : response.fields) {
    const bool is_of_framing =
        field.id == http::FieldId::content_length || field.id == http::FieldId::transfer_encoding ||
        field.id == http::FieldId::trailer || field.id == http::FieldId::x_request_id ||
        equals_ignore_case(field.name, "age");
    if (!field.removed && !is_of_framing) response_.fields += field.line;
  }
  if (plan.shaping != nullptr && plan.shaping->rules.response_headers)
    response_.fields += plan.shaping->rules.response_headers->lines();
  room_ = resilience::LastGood::Room(plan.fallback->last_good);
  if (!room_.grow(resilience::LastGood::bytes_of(key_, response_))) give_up();
}

void KeptCopy::give_up() {
  active_ = false;
  response_ = {};
  room_.release();
}

void KeptCopy::add(ConstBytes bytes) {
  if (!active_) return;
  const bool is_small = bytes.size() <= limits::kLastGoodBodyBytesMax - response_.body.size();
  if (!is_small || !room_.grow(bytes.size())) return give_up();
  response_.body += as_text(bytes);
}

void KeptCopy::keep(const Exchange& exchange, const Plan& plan) {
  if (!active_) return;
  active_ = false;
  response_.since = exchange.now() - http::age_of(exchange.response);
  response_.until = exchange.now() + lasts_;
  plan.fallback->last_good->keep(std::move(key_), std::move(response_), std::move(room_));
}

}  // namespace epaulet::path

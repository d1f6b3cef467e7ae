#include "path/single_flight.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "http/http1/target.h"
#include "http/sharing.h"
#include "path/fallback.h"
#include "path/rate_limits.h"
#include "resilience/idle_timer.h"
#include "runtime/event.h"

namespace epaulet::path {
namespace {

using resilience::SharedAnswer;
using resilience::SharedAnswerPtr;
using resilience::SingleFlight;
using News = SingleFlight::News;
using telemetry::Counter;
using telemetry::Event;

constexpr std::uint64_t kBodyBytesMax = 256 * 1024;  ///< Of one answer that is kept for several.
constexpr std::size_t kPieceBytes = 16 * 1024;       ///< As a follower gets it.
/// A body that takes longer after its head may be a stream, or its leader's caller reads slowly.
constexpr auto kBodyWait = std::chrono::seconds(1);

const SingleFlightState& state_of(const Plan& plan) {
  return plan.shaping->single_flight;
}

/// All that may make an answer another one: where it goes, and every field that is sent, but for
/// those of one request or trace and `ignore_headers`.
std::string key_of(const Exchange& exchange, const Plan& plan) {
  const auto& request = exchange.request;
  const auto target = http::http1::forwarded_target(request);
  const auto session = plan.session.key;
  auto key =
      fmt::format("{} {} {} {} {} {} {}\n{}{}\n", exchange.record.service, exchange.record.route,
                  plan.backend, plan.pinned ? plan.pinned->to_string() : std::string(),
                  session ? fmt::format("{:x}", *session) : std::string(), request.method_text,
                  request.authority, target.first, target.second);
  for (const http::Field& field : request.fields) {
    if (!http::tells_requests_apart(field, state_of(plan).settings->ignore_headers)) continue;
    key.append(lower(field.name)).append(":").append(field.value).append("\n");
  }
  return key;
}

/// A coroutine that waits for its flight.
class Seat final : public SingleFlight::Follower {
 public:
  Seat(Loop& loop, SingleFlight::FlightPtr flight) : told_(loop), flight_(std::move(flight)) {
    flight_->follow(*this);
  }
  /// Made the leader, and did not take it.
  ~Seat() {
    if (news() == News::leads && !took_over_) flight_->hand_over();
  }
  [[nodiscard]] SingleFlight::FlightPtr take_over() {
    took_over_ = true;
    return flight_;
  }
  [[nodiscard]] const SharedAnswerPtr& answer() const { return flight_->answer(); }
  [[nodiscard]] epaulet::Event& told() { return told_; }

 private:
  void on_news() override { told_.set(); }

  epaulet::Event told_;
  const SingleFlight::FlightPtr flight_;
  bool took_over_ = false;
};

/// What remains of its time is enough to ask itself.
TimePoint patience_of(const Exchange& exchange, const Plan& plan) {
  const auto until = exchange.now() + state_of(plan).settings->wait;
  const auto deadline = exchange.scope->deadline();
  return deadline ? std::min(until, exchange.now() + (*deadline - exchange.now()) / 2) : until;
}

/// News::none: it has waited long enough. Errors: its own end.
Task<Result<News>> await_news(Exchange& exchange, Seat& seat, TimePoint until) {
  Scope waiting(*exchange.scope);
  const Error late(ErrorCode::cancelled, Side::self, Stage::limit);
  waiting.set_deadline(until, late);
  exchange.watch_downstream(nullptr);
  Result<News> news = News::none;
  for (;;) {
    const auto told = co_await seat.told().wait(waiting);
    if (exchange.scope->cancelled()) {
      news = *exchange.scope->cancelled();
      break;
    }
    if (seat.told().is_set()) news = seat.news();
    if (!told || *news != News::answering) break;
    news = News::none;
    seat.told().reset();
    waiting.set_deadline(std::min(until, exchange.now() + kBodyWait), late);
  }
  exchange.unwatch_downstream();
  if (news && *news == News::answering) news = News::none;
  co_return news;
}

Counter counter_of(News news) {
  switch (news) {
    case News::landed:
      return Counter::flight_shared;
    case News::leads:
      return Counter::flight_took_over;
    case News::failed:
      return Counter::flight_failed;
    case News::refused:
      return Counter::flight_refused;
    case News::too_large:
      return Counter::flight_too_large;
    case News::none:
    case News::answering:
      break;
  }
  return Counter::flight_late;
}

std::string_view reason_of(News news) {
  switch (news) {
    case News::landed:
      return "answered";
    case News::leads:
      return "its leader left";
    case News::failed:
      return "its leader got no answer";
    case News::refused:
      return "the answer is not to be shared";
    case News::too_large:
      return "the answer is too large";
    case News::none:
    case News::answering:
      break;
  }
  return "it took too long";
}

http::ResponseHead head_of(const Exchange& exchange, const SharedAnswer& answer) {
  http::ResponseHead head;
  head.status = answer.status;
  head.framing = {answer.body.empty() ? http::Framing::Kind::none : http::Framing::Kind::length,
                  answer.body.size()};
  head.added.append(answer.fields);
  // RFC 9110 section 8.6: not where there can be no body. A HEAD's stands among the fields.
  if (answer.status != 204 && exchange.request.method != http::Method::head)
    head.added.add("Content-Length", std::to_string(answer.body.size()));
  head.added.add("X-Request-Id", exchange.record.request_id.view());
  head.added.add("Cache-Status", "epaulet; fwd=miss; collapsed");  // RFC 9211.
  if (!answer.tells_rate) add_rate_fields(exchange, head.added);
  return head;
}

/// As an answer of the backend's own: under the request's deadline and `timeouts.idle`.
Task<Error> give(Exchange& exchange, const Plan& plan, SharedAnswerPtr answer) {
  const bool keep = co_await exchange.server.skip_buffered_body(*exchange.scope);
  auto head = head_of(exchange, *answer);
  auto& writer = exchange.server.writer();
  exchange.server.begin_response(exchange.request, head, keep);
  exchange.committed = true;
  exchange.record.status = answer->status;
  resilience::IdleTimer idle(*exchange.scope);
  idle.start(plan.timeouts->idle, {ErrorCode::idle_timeout, Side::downstream, Stage::send});
  ConstBytes rest = as_bytes(answer->body);
  do {
    const auto piece = rest.first(std::min(rest.size(), kPieceBytes));
    rest = rest.subspan(piece.size());
    const http::Chunk chunk(piece, rest.empty());
    const auto sent = co_await writer.push(chunk, *exchange.scope);
    if (!sent) {
      const Error why = exchange.scope->cancelled() ? *exchange.scope->cancelled() : sent.error();
      writer.abort(why);
      co_return why;
    }
    idle.touch();
  } while (!rest.empty());
  exchange.record.response_bytes = writer.bytes();
  exchange.trace(Stage::relay, Event::body_done, static_cast<std::uint32_t>(writer.bytes()));
  co_return Error();
}

Task<Error> lead(Exchange& exchange, const Plan& plan, SingleFlight::FlightPtr flight) {
  LedFlight led(exchange, plan, std::move(flight));
  exchange.flight = &led;
  const Error ended = co_await fulfil(exchange, plan);
  exchange.flight = nullptr;
  led.settle(ended);
  co_return ended;
}

Task<Error> follow(Exchange& exchange, const Plan& plan, SingleFlight::FlightPtr flight) {
  auto& telemetry = exchange.worker().telemetry;
  auto place = state_of(plan).waiting->enter(0);
  if (!place) {
    telemetry.count(Counter::flight_full);
    co_return co_await fulfil(exchange, plan);
  }
  SharedAnswerPtr answer;
  SingleFlight::FlightPtr taken_over;
  {
    const auto began = exchange.now();
    Seat seat(exchange.worker().loop, std::move(flight));
    const auto news = co_await await_news(exchange, seat, patience_of(exchange, plan));
    if (!news) {
      telemetry.count(Counter::flight_left);
      co_return news.error();
    }
    telemetry.count(counter_of(*news));
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(exchange.now() - began);
    exchange.trace(Stage::limit, Event::followed, telemetry::intern(reason_of(*news)),
                   static_cast<std::uint32_t>(us.count()));
    if (*news == News::landed) answer = seat.answer();
    if (*news == News::leads) taken_over = seat.take_over();
  }
  place.reset();  // It waits no longer.
  if (answer) {
    exchange.record.shared = true;
    co_return co_await give(exchange, plan, std::move(answer));
  }
  if (taken_over) co_return co_await lead(exchange, plan, std::move(taken_over));
  co_return co_await fulfil(exchange, plan);
}

/// The leader's caller, or its own time, and not what it asked.
bool has_left(const Error& ended) {
  return ended.side == Side::downstream || ended.code == ErrorCode::request_timeout ||
         ended.code == ErrorCode::deadline_exceeded;
}

}  // namespace

bool is_to_be_shared(const Exchange& exchange, const Plan& plan) {
  if (plan.shaping == nullptr || state_of(plan).settings == nullptr) return false;
  const bool with_credentials = state_of(plan).settings->with_credentials;
  return exchange.delivery == nullptr && !exchange.is_grpc() && !plan.session.begins &&
         http::may_be_asked_together(exchange.request, with_credentials) &&
         (with_credentials || !shows_credentials(exchange));
}

Task<Error> fulfil_together(Exchange& exchange, const Plan& plan) {
  auto joined = exchange.view->flights().join(
      key_of(exchange, plan), state_of(plan).changes->load(std::memory_order_acquire));
  if (joined.leads) return lead(exchange, plan, std::move(joined.flight));
  return follow(exchange, plan, std::move(joined.flight));
}

LedFlight::LedFlight(const Exchange& exchange, const Plan& plan, SingleFlight::FlightPtr flight)
    : exchange_(exchange), plan_(plan), flight_(std::move(flight)) {}

LedFlight::~LedFlight() {
  if (!settled_) flight_->end(News::failed);
}

void LedFlight::give_up(News why) {
  answer_.reset();
  flight_->end(why);
}

/// Of the bytes that all answers of the route may take.
bool LedFlight::has_room(std::uint64_t bytes) {
  auto& place = answer_->place;
  if (place) return place->grow(bytes);
  auto entered = state_of(plan_).kept->enter(bytes);
  if (entered) place.emplace(std::move(*entered));
  return place.has_value();
}

void LedFlight::begin_answer() {
  const auto& response = exchange_.response;
  if (!flight_->is_open()) return;
  if (!http::may_answer_several(response, state_of(plan_).settings->ignore_headers))
    return give_up(News::refused);
  const auto& framing = response.framing;
  if (framing.kind == http::Framing::Kind::length && framing.length > kBodyBytesMax)
    return give_up(News::too_large);
  if (!flight_->begin_answer()) return;
  answer_ = std::make_unique<SharedAnswer>();
  answer_->status = response.status;
  for (const http::Field& field : response.fields) {
    const bool is_of_one =
        field.id == http::FieldId::content_length || field.id == http::FieldId::transfer_encoding ||
        field.id == http::FieldId::trailer || field.id == http::FieldId::x_request_id;
    if (!field.removed && !is_of_one) answer_->fields += field.line;
  }
  if (plan_.shaping->rules.response_headers)
    answer_->fields += plan_.shaping->rules.response_headers->lines();
  answer_->tells_rate = response.find("ratelimit-limit") != nullptr;
  const auto* length = response.find(http::FieldId::content_length);
  if (exchange_.request.method == http::Method::head && length != nullptr)
    answer_->fields.append(length->line);
  if (!has_room(answer_->fields.size())) give_up(News::too_large);
}

void LedFlight::add(const http::Chunk& chunk) {
  if (answer_ == nullptr) return;
  if (!chunk.trailers.empty()) return give_up(News::refused);
  if (chunk.bytes.size() > kBodyBytesMax - answer_->body.size() || !has_room(chunk.bytes.size()))
    return give_up(News::too_large);
  answer_->body += as_text(chunk.bytes);
  if (chunk.end) land();
}

void LedFlight::land() {
  if (answer_ == nullptr) return;
  flight_->land(SharedAnswerPtr(std::move(answer_)));
}

void LedFlight::settle(const Error& ended) {
  settled_ = true;  // From here on it may be another's.
  answer_.reset();
  if (has_left(ended)) return flight_->hand_over();
  flight_->end(News::failed);
}

}  // namespace epaulet::path

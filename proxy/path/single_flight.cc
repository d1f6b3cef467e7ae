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
constexpr auto kSpread = std::chrono::milliseconds(250);

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
  Seat(Exchange& exchange, SingleFlight::FlightPtr flight)
      : exchange_(exchange), told_(exchange.worker().loop), flight_(std::move(flight)) {
    flight_->follow(*this);
  }
  /// Made the leader, and did not take it.
  ~Seat() {
    if (news() == News::leads && !took_over_) flight_->hand_over(exchange_.now());
  }
  [[nodiscard]] SingleFlight::FlightPtr take_over() {
    took_over_ = true;
    return flight_;
  }
  /// It asks itself from now on, until the flight lands.
  void ask_beside() {
    asks_itself_ = true;
    flight_->ask_beside(*this);
    // Who gives little time is not to say what takes long.
    if (!exchange_.hurried) flight_->keep_apart(exchange_.now());
  }
  void stop_asking() { asks_itself_ = false; }
  /// What it asked was told to stop, since the flight had landed.
  [[nodiscard]] bool landed_first() const { return landed_first_; }
  [[nodiscard]] const SharedAnswerPtr& answer() const { return flight_->answer(); }
  [[nodiscard]] epaulet::Event& told() { return told_; }

 private:
  void on_news() override {
    told_.set();
    if (!asks_itself_ || news() != News::landed) return;
    if (exchange_.committed || exchange_.scope->cancelled()) return;
    landed_first_ = true;
    exchange_.scope->cancel({ErrorCode::cancelled, Side::self, Stage::limit});
  }

  Exchange& exchange_;
  epaulet::Event told_;
  const SingleFlight::FlightPtr flight_;
  bool took_over_ = false;
  bool asks_itself_ = false;
  bool landed_first_ = false;
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
    const bool waits_on = seat.news() == News::none || seat.news() == News::answering;
    if (!waits_on) news = seat.news();
    if (!waits_on || !told) break;
    seat.told().reset();
    const bool answers = seat.news() == News::answering;
    waiting.set_deadline(answers ? std::min(until, exchange.now() + kBodyWait) : until, late);
  }
  exchange.unwatch_downstream();
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
      return "its leader left or failed";
    case News::failed:
      return "its leaders got no answer";
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

/// As an answer of the backend's own: under the request's deadline and `timeouts.stream_idle`, or
/// `idle`.
Task<Error> give(Exchange& exchange, const Plan& plan, SharedAnswerPtr answer) {
  const bool keep = co_await exchange.server.skip_buffered_body(*exchange.scope);
  auto head = head_of(exchange, *answer);
  if (exchange.cors != nullptr) exchange.cors->add_lines(exchange.request, head.added);
  auto& writer = exchange.server.writer();
  exchange.server.begin_response(exchange.request, head, keep);
  exchange.committed = true;
  exchange.record.status = answer->status;
  exchange.record.shared = true;
  exchange.record.upstream = answer->upstream;
  exchange.record.endpoint = answer->endpoint;
  if (!plan.inbound) exchange.record.peer = answer->peer;
  resilience::IdleTimer idle(*exchange.scope);
  const bool has_own = plan.timeouts->stream_idle.count() > 0;
  idle.start(has_own ? plan.timeouts->stream_idle : plan.timeouts->idle,
             {has_own ? ErrorCode::stream_idle_timeout : ErrorCode::idle_timeout, Side::downstream,
              Stage::send});
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
  led.settle();
  co_return ended;
}

void tell(Exchange& exchange, News news, TimePoint since) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(exchange.now() - since);
  exchange.trace(Stage::limit, Event::followed, telemetry::intern(reason_of(news)),
                 static_cast<std::uint32_t>(us.count()));
}

/// Its own time goes on, though what it asked was told to stop.
void go_on(Exchange& exchange, std::optional<TimePoint> deadline) {
  exchange.scope.emplace(exchange.parent);
  exchange.response.clear();
  if (!deadline) return;
  const auto late = exchange.given_time ? ErrorCode::deadline_exceeded : ErrorCode::request_timeout;
  exchange.scope->set_deadline(*deadline, {late, Side::upstream, Stage::receive});
}

/// It has waited long enough, and keeps its seat while it asks itself: the answer that it has
/// waited for may still be the first.
Task<Error> ask_beside(Exchange& exchange, const Plan& plan, Seat& seat, TimePoint since) {
  const auto deadline = exchange.scope->deadline();
  seat.ask_beside();
  const Error ended = co_await fulfil(exchange, plan);
  seat.stop_asking();
  const bool is_given =
      seat.landed_first() && !exchange.committed && !exchange.server.writer().broken();
  exchange.worker().telemetry.count(is_given ? Counter::flight_shared : Counter::flight_late);
  if (!is_given) co_return ended;
  tell(exchange, News::landed, since);
  go_on(exchange, deadline);
  co_return co_await give(exchange, plan, seat.answer());
}

/// Those who go alone since several before them have failed do not all ask at once.
Task<Result<void>> wait_apart(Exchange& exchange) {
  auto most = std::chrono::duration_cast<Duration>(kSpread);
  if (const auto deadline = exchange.scope->deadline())
    most = std::clamp((*deadline - exchange.now()) / 4, Duration::zero(), most);
  const auto pause = Duration(static_cast<Duration::rep>(
      exchange.worker().loop.random().below(static_cast<std::uint64_t>(most.count()))));
  exchange.watch_downstream(nullptr);
  const auto slept = co_await sleep_until(*exchange.scope, exchange.now() + pause);
  exchange.unwatch_downstream();
  co_return slept;
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
  News news = News::none;
  {
    const auto began = exchange.now();
    Seat seat(exchange, std::move(flight));
    const auto heard = co_await await_news(exchange, seat, patience_of(exchange, plan));
    if (!heard) {
      telemetry.count(Counter::flight_left);
      co_return heard.error();
    }
    news = *heard;
    tell(exchange, news, began);
    if (news == News::none) {
      place.reset();  // It waits no longer.
      co_return co_await ask_beside(exchange, plan, seat, began);
    }
    telemetry.count(counter_of(news));
    if (news == News::landed) answer = seat.answer();
    if (news == News::leads) taken_over = seat.take_over();
  }
  place.reset();
  if (answer) co_return co_await give(exchange, plan, std::move(answer));
  if (taken_over) co_return co_await lead(exchange, plan, std::move(taken_over));
  if (news == News::failed) {
    const auto waited = co_await wait_apart(exchange);
    if (!waited) co_return waited.error();
  }
  co_return co_await fulfil(exchange, plan);
}

/// Of an answer that the next caller may hope not to get.
bool is_failure(std::uint16_t status) {
  return status >= 500 || status == 429;
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
  auto& flights = exchange.view->flights();
  auto key = key_of(exchange, plan);
  if (flights.is_kept_apart(key, exchange.now())) return fulfil(exchange, plan);
  auto joined =
      flights.join(std::move(key), state_of(plan).changes->load(std::memory_order_acquire));
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

void LedFlight::keep_apart(News why) {
  flight_->keep_apart(exchange_.now());
  give_up(why);
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
  if (settled_) return;
  const auto& response = exchange_.response;
  if (!flight_->is_open()) return;
  if (!http::may_answer_several(response, state_of(plan_).settings->ignore_headers)) {
    if (is_failure(response.status)) return settle();
    return keep_apart(News::refused);
  }
  const auto& framing = response.framing;
  if (framing.kind == http::Framing::Kind::length && framing.length > kBodyBytesMax)
    return keep_apart(News::too_large);
  if (!flight_->begin_answer()) return;
  answer_ = std::make_unique<SharedAnswer>();
  answer_->status = response.status;
  answer_->upstream = exchange_.record.upstream;
  answer_->endpoint = exchange_.record.endpoint;
  answer_->peer = exchange_.record.peer;
  for (const http::Field& field : response.fields) {
    const bool is_of_framing = field.id == http::FieldId::content_length ||
                               field.id == http::FieldId::transfer_encoding ||
                               field.id == http::FieldId::trailer;
    const bool is_of_one =
        http::answers_one_request(field, state_of(plan_).settings->ignore_headers);
    if (!field.removed && !is_of_framing && !is_of_one) answer_->fields += field.line;
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
  if (!flight_->is_followed()) return give_up(News::failed);
  if (!chunk.trailers.empty()) return keep_apart(News::refused);
  if (chunk.bytes.size() > kBodyBytesMax - answer_->body.size()) return keep_apart(News::too_large);
  if (!has_room(chunk.bytes.size())) return give_up(News::too_large);
  answer_->body += as_text(chunk.bytes);
  if (chunk.end) land();
}

void LedFlight::land() {
  if (answer_ == nullptr) return;
  flight_->land(SharedAnswerPtr(std::move(answer_)));
}

void LedFlight::settle() {
  if (std::exchange(settled_, true)) return;  // From here on it may be another's.
  answer_.reset();
  flight_->hand_over(exchange_.now());
}

}  // namespace epaulet::path

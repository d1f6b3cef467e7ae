#include "path/background.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error_table.h"
#include "http/deadline.h"
#include "http/grpc.h"
#include "http/http1/head_parser.h"
#include "http/retry_after.h"
#include "path/no_stream.h"
#include "path/reach.h"
#include "path/stored_request.h"
#include "path/tracing.h"
#include "resilience/retry.h"

namespace epaulet::path {
namespace {

using telemetry::Counter;
using telemetry::Event;
using telemetry::Gauge;

bool belongs_to_the_body(http::FieldId id) {
  return id == http::FieldId::content_length || id == http::FieldId::transfer_encoding ||
         id == http::FieldId::expect || id == http::FieldId::te || id == http::FieldId::trailer;
}

template <class Use>
void for_each_line(std::string_view lines, const Use& use) {
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find('\n') + 1);
    use(line);
    lines.remove_prefix(line.size());
  }
}

/// The head as it came, so that each try is routed and given credentials anew; with the ids that it
/// has been given.
std::string head_to_keep(const Exchange& exchange) {
  const auto& request = exchange.request;
  auto text = fmt::format("{} {} HTTP/1.1\r\n", request.method_text, request.target);
  bool has_host = false;
  for (const http::Field& field : request.fields) {
    if (field.removed || belongs_to_the_body(field.id)) continue;
    has_host = has_host || field.id == http::FieldId::host;
    text += field.line;
  }
  if (!has_host) text += fmt::format("Host: {}\r\n", request.authority);
  const auto id = exchange.record.request_id.view();
  if (request.find(http::FieldId::x_request_id) == nullptr)
    text += fmt::format("x-request-id: {}\r\n", id);
  if (!http::is_idempotent(request.method) &&
      request.find(http::FieldId::idempotency_key) == nullptr)
    text += fmt::format("Idempotency-Key: \"{}\"\r\n", id);
  // All tries are of one trace.
  for_each_line(request.added.lines(), [&](std::string_view line) {
    if (is_trace_line(line)) text += line;
  });
  return text;
}

/// What stands for the end of a stream where a request comes over HTTP/2.
bool is_framing(std::string_view line) {
  return line.starts_with("Transfer-Encoding:") || line.starts_with("Content-Length:");
}

constexpr std::size_t kLengthLineBytes = 48;
constexpr std::chrono::milliseconds kLongestTime = std::chrono::hours(24);  // http/deadline.h

std::string with_length(std::string_view head, std::size_t bytes) {
  return fmt::format("{}Content-Length: {}\r\n\r\n", head, bytes);
}

/// Whether the next hop, if its limits are ours, can read the head with all that is added to it:
/// what cannot be delivered must not be accepted.
Result<void> can_be_delivered(const Exchange& exchange, const Plan& plan, std::string head,
                              std::size_t body_bytes) {
  for_each_line(exchange.request.added.lines(), [&](std::string_view line) {
    // Credentials. How the body was framed is said anew.
    if (!is_trace_line(line) && !line.starts_with("x-request-id:") && !is_framing(line))
      head += line;
  });
  head += fmt::format("{}: {}\r\n", http::kDeadlineField, kLongestTime.count());
  if (plan.shaping != nullptr && plan.shaping->rules.request_headers)
    head += plan.shaping->rules.request_headers->lines();
  http::RequestHead scratch;
  return http::http1::parse_request_head(as_bytes(with_length(head, body_bytes)),
                                         exchange.snapshot().head_limits(), scratch);
}

/// Whoever waits for a body that does not come holds a place: something of it has to come within
/// `patience`, and all of it before the request's own deadline and `latest`.
Task<Result<std::string>> read_body(Exchange& exchange, std::size_t most, Duration patience,
                                    TimePoint latest) {
  std::string bytes;
  auto& body = exchange.server.body();
  Scope reading(*exchange.scope);
  const Error late(ErrorCode::body_timeout, Side::downstream, Stage::receive);
  while (exchange.request.framing.kind != http::Framing::Kind::none) {
    reading.set_deadline(std::min(exchange.now() + patience, latest), late);
    auto chunk = co_await body.pull(reading);
    if (!chunk && exchange.scope->cancelled() &&
        exchange.scope->cancelled()->code == ErrorCode::request_timeout)
      co_return late;
    if (!chunk) co_return reading.cancelled() ? *reading.cancelled() : chunk.error();
    if (chunk->bytes.size() > most - bytes.size())
      co_return Error(ErrorCode::body_too_large, Side::downstream, Stage::receive);
    bytes += as_text(chunk->bytes);
    if (chunk->end) break;
  }
  co_return bytes;
}

bool is_refusal(std::uint16_t status) {
  return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

struct Try {
  std::uint16_t status = 0;
  Duration come_back_in{};  ///< The next one is to wait for at least so long.
  Error error;
  bool is_unreadable = false;  ///< The kept head, whenever it is tried.

  [[nodiscard]] bool delivered() const { return error.code == ErrorCode::none && status < 400; }
  /// It would be refused again: by the app, or by the sidecar before it, which says why.
  [[nodiscard]] bool refused() const {
    if (is_unreadable) return true;
    if (error.code == ErrorCode::none) return is_refusal(status);
    return error.side == Side::upstream && error.code != ErrorCode::cancelled &&
           is_refusal(describe(error.code).http_status);
  }
};

/// Retry-After, unless there is another endpoint, which is not to be spared. A limit is the same
/// wherever it is met, as far as we know.
Duration pause_asked_for(const Exchange& exchange) {
  const auto asked = http::retry_after(exchange.response, exchange.worker().loop.wall_now());
  if (!asked) return Duration::zero();
  const auto& view = *exchange.view;
  const auto backend =
      index_of(view.snapshot().backends, telemetry::text_of(exchange.record.backend));
  const bool is_limit =
      exchange.record.error.code == ErrorCode::rate_limited || exchange.record.status == 429;
  TriedEndpoints tried;
  tried.add(exchange.record.upstream);
  const bool has_another = backend != Destination::kNone && !is_limit &&
                           has_untried(view, backend, tried, exchange.now());
  return has_another ? Duration::zero() : *asked;
}

/// One exchange, as if its caller had just come.
Task<Try> try_once(Worker& worker, const Delivery& delivery) {
  Connection connection(worker, std::make_unique<NoStream>(worker.loop, delivery.caller),
                        Entry::background);
  connection.destination = delivery.destination;
  connection.scope.set_deadline(delivery.late(),
                                {ErrorCode::deadline_exceeded, Side::upstream, Stage::receive});
  StoredRequest stored(delivery.body);
  Exchange exchange(connection, connection.scope, stored, nullptr);
  exchange.delivery = &delivery;
  exchange.view = worker.view;
  exchange.begin();
  Try result;
  // It was within limits.head when it was accepted: a reload that lowers it is no reason to lose
  // it.
  const auto parsed = http::http1::parse_request_head(as_bytes(delivery.head),
                                                      http::http1::HeadLimits(), exchange.request);
  if (!parsed) {
    result.is_unreadable = true;
    result.error = parsed.error();
    co_return result;
  }
  co_await serve_request(exchange);
  result.status = exchange.record.status;
  result.error = exchange.record.error;
  result.come_back_in = pause_asked_for(exchange);
  co_return result;
}

void give_up(Worker& worker, const Delivery& delivery, Counter why, std::string_view reason) {
  worker.telemetry.count(why);
  telemetry::HealthRecord record;
  record.event = "background_dropped";
  record.message = "a request accepted for delivery in the background was given up";
  record.reason = reason;
  record.is_bad_news = true;
  record.service = delivery.service;
  record.route = delivery.route;
  worker.telemetry.report(record, worker.loop.wall_now());
}

/// Counts what waits; a drain waits for it, too.
class Waiting {
 public:
  explicit Waiting(Worker& worker) : worker_(worker) {
    ++worker.outbound_connections;
    worker.telemetry.adjust(Gauge::background_waiting, 1);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    --worker_.outbound_connections;
    worker_.telemetry.adjust(Gauge::background_waiting, -1);
  }

 private:
  Worker& worker_;
};

Task<void> deliver(Worker& worker, std::unique_ptr<const Delivery> delivery) {
  const Waiting waiting(worker);
  const auto& rules = delivery->rules;
  Duration backoff{};
  for (std::uint32_t tries = 1;; ++tries) {
    worker.telemetry.count(Counter::background_tries);
    const auto ended = co_await try_once(worker, *delivery);
    if (ended.delivered()) co_return worker.telemetry.count(Counter::background_delivered);
    if (worker.root.cancelled())
      co_return give_up(worker, *delivery, Counter::background_dropped_shutdown, "shutdown");
    if (ended.refused())
      co_return give_up(worker, *delivery, Counter::background_dropped_refused, "refused");
    if (tries >= rules.tries)
      co_return give_up(worker, *delivery, Counter::background_dropped_tries, "tries");
    backoff = resilience::backoff_before(rules.backoff, tries, backoff, worker.loop.random());
    // Who asked for a pause gets it in full, and not all callers back at its end.
    const auto next = worker.loop.now() + ended.come_back_in + backoff;
    if (next >= delivery->late())
      co_return give_up(worker, *delivery, Counter::background_dropped_late, "late");
    Scope pause(worker.root);
    const auto slept = co_await sleep_until(pause, next);
    if (!slept)
      co_return give_up(worker, *delivery, Counter::background_dropped_shutdown, "shutdown");
  }
}

}  // namespace

bool is_for_later(const Exchange& exchange, const Plan& plan) {
  return plan.background != nullptr && exchange.delivery == nullptr &&
         exchange.request.upgrade.empty() && !http::is_grpc(exchange.request);
}

Task<Error> take_for_later(Exchange& exchange, const Plan& plan) {
  Worker& worker = exchange.worker();
  const auto& request = exchange.request;
  const auto refuse = [&](Error why) {
    worker.telemetry.count(Counter::background_dropped_full);
    return why;
  };
  std::size_t most = request.framing.kind == http::Framing::Kind::none ? 0
                     : request.framing.kind == http::Framing::Kind::length
                         ? request.framing.length
                         : limits::kBackgroundBodyBytesMax;
  if (most > limits::kBackgroundBodyBytesMax)
    co_return refuse(Error(ErrorCode::body_too_large, Side::downstream, Stage::receive));
  auto kept = std::make_unique<Delivery>();
  kept->head = head_to_keep(exchange);
  const auto fits = can_be_delivered(exchange, plan, kept->head, most);
  if (!fits) co_return fits.error();
  auto place = plan.background->room->enter(kept->head.size() + kLengthLineBytes + most);
  if (!place) co_return refuse(Error(ErrorCode::background_full, Side::self, Stage::limit));
  if (request.expects_continue) {
    http::ResponseHead go_on;
    go_on.status = 100;
    go_on.reason = "Continue";
    const auto sent = co_await exchange.server.send_informational(go_on, *exchange.scope);
    if (!sent) co_return sent.error();
  }
  // A route may have no `timeouts.request`.
  const auto latest = exchange.record.start + plan.background->settings->give_up_after;
  auto body = co_await read_body(exchange, most, plan.timeouts->idle, latest);
  if (!body) co_return body.error();
  kept->body = std::move(*body);
  kept->head = with_length(kept->head, kept->body.size());
  place->shrink(kept->head.size() + kept->body.size());
  kept->place.emplace(std::move(*place));
  kept->rules = *plan.background->settings;
  kept->destination = exchange.connection.destination;
  kept->caller = exchange.connection.peer_address;
  kept->came_by_http2 = exchange.http1 == nullptr;
  kept->service = exchange.record.service;
  kept->route = exchange.record.route;
  kept->accepted = exchange.now();
  exchange.trace(Stage::receive, Event::taken_for_later,
                 static_cast<std::uint32_t>(kept->body.size()));
  exchange.record.request_bytes = kept->body.size();
  exchange.record.status = 202;
  exchange.record.status_is_ours = true;
  exchange.committed = true;
  worker.telemetry.count(Counter::background_accepted);
  // Whatever becomes of its caller: it has been accepted.
  worker.loop.spawn(deliver(worker, std::move(kept)));
  http::AddedFields lines;
  lines.add("X-Request-Id", exchange.record.request_id.view());
  if (exchange.cors != nullptr) exchange.cors->add_lines(request, lines);
  const auto answered = co_await exchange.server.send_answer(
      request, 202, lines.lines(), "Accepted; to be delivered.\n", true, *exchange.scope);
  co_return answered ? Error() : answered.error();
}

}  // namespace epaulet::path

#include <fmt/format.h>

#include "base/error_table.h"
#include "http/grpc.h"
#include "http/hop_by_hop.h"
#include "path/access_trace.h"
#include "path/background.h"
#include "path/concurrency.h"
#include "path/exchange.h"
#include "path/fallback.h"
#include "path/shape.h"
#include "path/single_flight.h"
#include "path/tracing.h"
#include "path/upgrade.h"
#include "telemetry/trace_context.h"

// One request, from its head to its outcome, whatever the HTTP version that it came by.
namespace epaulet::path {
namespace {

using telemetry::Event;
using telemetry::Gauge;

bool is_request_id(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) return false;
  }
  return true;
}

/// The app's id where it has a usable one, else ours; the next hop gets it, and no other beside it.
void settle_request_id(Exchange& exchange) {
  auto& request = exchange.request;
  const auto* given = request.find(http::FieldId::x_request_id);
  if (given != nullptr && !is_request_id(given->value)) given = nullptr;
  for (http::Field& field : request.fields) {
    if (field.id == http::FieldId::x_request_id && &field != given) field.removed = true;
  }
  if (given != nullptr) {
    exchange.record.request_id.assign(given->value);
    return;
  }
  std::array<char, 32> id;
  telemetry::write_request_id(exchange.worker().loop.random(), id);
  exchange.record.request_id.assign({id.data(), id.size()});
  request.added.add("x-request-id", {id.data(), id.size()});
}

/// HTTP/1.0 need not send Host; the next hop speaks HTTP/1.1 and must get one.
void settle_authority(Exchange& exchange, std::string& buffer) {
  if (!exchange.request.authority.empty()) return;
  if (exchange.connection.inbound()) {
    buffer = exchange.connection.destination.to_string();
  } else {
    buffer = std::string(telemetry::text_of(exchange.record.service));
  }
  exchange.request.authority = buffer;
}

void note_request(Exchange& exchange) {
  auto& record = exchange.record;
  const auto method = exchange.request.method_text.substr(0, record.method.size() - 1);
  method.copy(record.method.data(), method.size());
  exchange.trace(Stage::parse, Event::head_read, exchange.request.bytes);
}

Result<Plan> admit(Exchange& exchange) {
  const auto& request = exchange.request;
  if (request.method == http::Method::connect) {
    return Error(ErrorCode::upgrade_unsupported, Side::downstream, Stage::parse);
  }
  return exchange.connection.inbound() ? admit_inbound(exchange) : admit_outbound(exchange);
}

constexpr Duration kNoTime = Duration::min();

/// What the caller says that it gives the request: a gRPC client, or the sidecar before us.
Duration time_given(const Exchange& exchange) {
  if (exchange.is_grpc()) return http::grpc_timeout(exchange.request).value_or(kNoTime);
  return exchange.given_time.value_or(kNoTime);
}

/// Until when the exchange may take, if there is a limit, and what it ends with. The time of a gRPC
/// call that names none begins later, and so does ours beside an outsider's longer one, which may
/// not lengthen it. Errors: what is late already is not begun.
Result<void> start_time(Exchange& exchange, const Plan& plan) {
  if (const Duration most = plan.timeouts->max_duration; most.count() > 0)
    exchange.longest.emplace(*exchange.scope).start(most, kDurationExceeded);
  const Duration ours = plan.timeouts->request;
  const Duration given = time_given(exchange);
  const bool is_given = given != kNoTime;
  const bool is_grpc = exchange.is_grpc();
  const bool is_outsider = plan.inbound && exchange.connection.peer.empty();
  exchange.hurried = is_given && (ours.count() == 0 || given < ours);
  if (exchange.delivery != nullptr) {  // Its last try may have less.
    exchange.hurried =
        ours.count() == 0 || exchange.delivery->late() < exchange.record.start + ours;
  }
  exchange.has_own_deadline = is_grpc && is_given;
  if (exchange.has_own_deadline) exchange.given_time = given;
  exchange.untimed = is_grpc && (!is_given || (is_outsider && !exchange.hurried));
  if (!is_given && (exchange.untimed || ours.count() == 0)) return Result<void>();
  const Error late(is_given ? ErrorCode::deadline_exceeded : ErrorCode::request_timeout,
                   Side::upstream, Stage::receive);
  const auto at = exchange.record.start + (is_given ? given : ours);
  if (at <= exchange.now()) return Error(late.code, Side::downstream, Stage::limit);
  exchange.scope->set_deadline(at, late);
  return Result<void>();
}

/// Not a coroutine: g++ 12 loses what a conditional operator awaits.
Task<Error> ask(Exchange& exchange, const Plan& plan) {
  if (is_to_be_shared(exchange, plan)) return fulfil_together(exchange, plan);
  return fulfil(exchange, plan);
}

/// Everything between the request's head and the end of its response.
Task<Error> serve_exchange(Exchange& exchange) {
  std::string authority;
  note_request(exchange);
  const bool upgrading = !exchange.request.upgrade.empty();
  http::remove_hop_by_hop(exchange.request, upgrading ? http::Upgrading::yes : http::Upgrading::no);
  settle_request_id(exchange);
  const auto trace = settle_trace(exchange);
  auto plan = admit(exchange);
  if (!plan) {
    settle_refused_trace(exchange);
    co_return plan.error();
  }
  tell_trace(exchange, trace);
  note_in_flight(exchange);
  settle_authority(exchange, authority);
  if (upgrading) settle_handshake(exchange);
  if (const auto started = start_time(exchange, *plan); !started) co_return started.error();
  if (plan->is_preflight) co_return co_await answer_preflight(exchange, *plan);
  if (is_for_later(exchange, *plan)) co_return co_await take_for_later(exchange, *plan);
  Fault::Injected fault;
  if (plan->shaping != nullptr) {
    if (plan->shaping->rules.redirect) {
      // Nobody would follow it: what was accepted for a backend is not delivered by this.
      if (exchange.delivery != nullptr)
        co_return Error(ErrorCode::no_route, Side::self, Stage::route);
      co_return co_await send_elsewhere(exchange, *plan);
    }
    fault = draw_fault(exchange, *plan);
    draw_mirror(exchange, *plan);
    if (const auto shaped = shape_request(exchange, *plan); !shaped) co_return shaped.error();
  }
  exchange.added_bytes = exchange.request.added.lines().size();
  exchange.body.begin(exchange.server.body());
  Error ended;
  if (fault.any()) ended = co_await inject(exchange, *plan, fault);
  if (ended.code == ErrorCode::none) ended = co_await ask(exchange, *plan);
  note_change(*plan);
  if (plan->fallback == nullptr || ended.code == ErrorCode::none) co_return ended;
  ended = co_await fall_back(exchange, *plan, ended);
  note_change(*plan);  // Another backend may have done it only now.
  co_return ended;
}

/// The record is complete: metrics, access log, explain.
void report(Exchange& exchange, const Error& error) {
  auto& record = exchange.record;
  record.error = with_fault(error);
  record.end = exchange.now();
  if (error.code != ErrorCode::none) {
    exchange.trace(error.stage, Event::ended, static_cast<std::uint32_t>(error.code));
  }
  exchange.worker().telemetry.report(record, exchange.worker().loop.wall_now());
  report_span(exchange);
  // Unless its answer has ended, which came from the app then.
  if (record.attempts > 0) exchange.in_flight.leave_unfinished(exchange.now());
  exchange.in_flight.leave();
  leave_place(exchange, error);
}

}  // namespace

Task<void> serve_request(Exchange& exchange) {
  auto& telemetry = exchange.worker().telemetry;
  telemetry.adjust(Gauge::exchanges_active, 1);
  const Error ended = co_await serve_exchange(exchange);
  telemetry.adjust(Gauge::exchanges_active, -1);
  if (ended.code != ErrorCode::none && !exchange.committed) {
    // The scope may have ended with the exchange; sending the answer has a limit of its own.
    exchange.scope.emplace(exchange.parent);
    exchange.scope->set_deadline(exchange.now() + std::chrono::seconds(5),
                                 {ErrorCode::idle_timeout, Side::downstream, Stage::send});
    (void)co_await answer(exchange, ended);
  }
  report(exchange, ended);
}

Task<Result<void>> answer_bad_head(Exchange& exchange, Error error) {
  const Connection& connection = exchange.connection;
  if (exchange.record.request_id.view().empty()) settle_request_id(exchange);
  note_request(exchange);
  exchange.record.service =
      connection.inbound() ? exchange.snapshot().own_service : connection.service;
  // A head timeout has ended the old one; the answer needs one.
  exchange.scope.emplace(exchange.parent);
  exchange.scope->set_deadline(exchange.now() + std::chrono::seconds(1),
                               {ErrorCode::idle_timeout, Side::downstream, Stage::send});
  const auto answered = co_await answer(exchange, error, false);
  report(exchange, error);
  co_return answered;
}

}  // namespace epaulet::path

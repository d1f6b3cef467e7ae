#include "path/shape.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/path_hygiene.h"

namespace epaulet::path {
namespace {

using telemetry::Counter;
using telemetry::Event;
using telemetry::Shaped;

/// Its caller is watched meanwhile: who has left is held up no longer.
Task<Result<void>> hold_up(Exchange& exchange, const Plan& plan, Duration delay) {
  exchange.record.shaped = Shaped::delayed;
  exchange.worker().telemetry.count(Counter::faults_delayed);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(delay).count();
  exchange.trace(Stage::route, Event::fault_delayed, static_cast<std::uint32_t>(us),
                 plan.shaping->source);
  const bool untimed = exchange.untimed && plan.timeouts->request.count() != 0;
  if (untimed) {  // Its time begins later, and is then shorter by this.
    exchange.scope->set_deadline(exchange.now() + plan.timeouts->request,
                                 {ErrorCode::request_timeout, Side::upstream, Stage::receive});
    exchange.delayed = delay;
  }
  exchange.watch_downstream(nullptr);
  const auto slept = co_await sleep_until(*exchange.scope, exchange.now() + delay);
  exchange.unwatch_downstream();
  if (untimed && slept) exchange.scope->clear_deadline();
  co_return slept;
}

/// No `..`, empty segment, backslash or encoded slash in it: what some app takes for another
/// number of segments.
bool has_one_reading(std::string_view path) {
  if (is_normal(path)) return true;
  const auto normal = normalize(path);
  return normal && std::count(path.begin(), path.end(), '/') ==
                       std::count(normal->begin(), normal->end(), '/');
}

}  // namespace

Fault::Injected draw_fault(Exchange& exchange, const Plan& plan) {
  const auto& fault = plan.shaping->rules.fault;
  if (!fault) return {};
  auto& random = exchange.worker().loop.random();
  const double for_delay = random.unit();
  return fault->draw(exchange.request, exchange.is_grpc(), for_delay, random.unit());
}

Result<void> shape_request(Exchange& exchange, const Plan& plan) {
  const Shaping& rules = plan.shaping->rules;
  if (rules.request_headers) rules.request_headers->apply(exchange.request);
  if (!rules.rewrite) return {};
  if (rules.rewrite->keeps_a_part_of_the_path() && !has_one_reading(exchange.request.path))
    return Error(ErrorCode::path_ambiguous, Side::downstream, Stage::route);
  rules.rewrite->apply(exchange.request);
  return {};
}

Task<Error> send_elsewhere(Exchange& exchange, const Plan& plan) {
  const auto& redirect = *plan.shaping->rules.redirect;
  auto& record = exchange.record;
  const auto url = redirect.location(exchange.request, exchange.connection.destination.port);
  http::AddedFields lines;
  lines.add("Location", url);
  lines.add("X-Request-Id", record.request_id.view());
  if (exchange.cors != nullptr) exchange.cors->add_lines(exchange.request, lines);
  const auto text = fmt::format("epaulet: moved to {}\n", url);
  record.status = redirect.status();
  record.status_is_ours = true;
  record.shaped = Shaped::redirected;
  exchange.committed = true;
  exchange.worker().telemetry.count(Counter::redirects);
  exchange.trace(Stage::route, Event::redirected, record.status, plan.shaping->source);
  const bool keep = co_await exchange.server.skip_buffered_body(*exchange.scope);
  const auto answered = co_await exchange.server.send_answer(
      exchange.request, record.status, lines.lines(), text, keep, *exchange.scope);
  co_return answered ? Error() : answered.error();
}

Task<Error> answer_preflight(Exchange& exchange, const Plan& plan) {
  const auto& cors = *exchange.cors;
  auto& record = exchange.record;
  const bool allowed = cors.lets(exchange.request);
  record.status = allowed ? 204 : 403;
  record.status_is_ours = true;
  record.shaped = Shaped::preflight;
  exchange.committed = true;
  exchange.worker().telemetry.count(allowed ? Counter::preflights_allowed
                                            : Counter::preflights_refused);
  exchange.trace(Stage::route, Event::preflight, record.status, plan.shaping->source);
  const bool keep = co_await exchange.server.skip_buffered_body(*exchange.scope);
  http::AddedFields lines;
  lines.add("X-Request-Id", record.request_id.view());
  if (!allowed) {
    cors.add_lines(exchange.request, lines);  // Which says by what this differs.
    const auto text = fmt::format(
        "epaulet: cors of route \"{}\" ({}) allows the origin of this preflight nothing.\n",
        telemetry::text_of(record.route), telemetry::text_of(plan.shaping->source));
    const auto told = co_await exchange.server.send_answer(
        exchange.request, record.status, lines.lines(), text, keep, *exchange.scope);
    co_return told ? Error() : told.error();
  }
  cors.add_preflight_lines(exchange.request, lines);
  http::ResponseHead head;  // RFC 9110 section 8.6: a 204 has no Content-Length.
  head.status = record.status;
  head.added.append(lines.lines());
  exchange.server.begin_response(exchange.request, head, keep);
  const http::Chunk end({}, true);
  const auto answered = co_await exchange.server.writer().push(end, *exchange.scope);
  co_return answered ? Error() : answered.error();
}

Task<Error> inject(Exchange& exchange, const Plan& plan, Fault::Injected fault) {
  if (fault.delay.count() != 0) {
    const auto slept = co_await hold_up(exchange, plan, fault.delay);
    if (!slept) co_return slept.error();
  }
  if (fault.status == 0) co_return Error();
  exchange.record.shaped = Shaped::aborted;
  exchange.worker().telemetry.count(Counter::faults_aborted);
  exchange.trace(Stage::route, Event::fault_aborted, fault.status, plan.shaping->source);
  Error error(ErrorCode::fault_injected, Side::self, Stage::route, Retry::never,
              fault.status | fault.grpc_status << 16);
  error.note = plan.shaping->source;
  co_return error;
}

}  // namespace epaulet::path

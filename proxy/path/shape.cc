#include "path/shape.h"

#include <fmt/format.h>

namespace epaulet::path {
namespace {

using telemetry::Counter;
using telemetry::Event;
using telemetry::Shaped;

}  // namespace

void shape_request(Exchange& exchange, const Plan& plan) {
  const Shaping& rules = plan.shaping->rules;
  if (rules.request_headers) rules.request_headers->apply(exchange.request);
  if (rules.rewrite) rules.rewrite->apply(exchange.request);
}

Task<Error> send_elsewhere(Exchange& exchange, const Plan& plan) {
  const auto& redirect = *plan.shaping->rules.redirect;
  auto& record = exchange.record;
  const auto url = redirect.location(exchange.request, exchange.connection.destination.port);
  const auto lines =
      fmt::format("Location: {}\r\nX-Request-Id: {}\r\n", url, record.request_id.view());
  const auto text = fmt::format("epaulet: moved to {}\n", url);
  record.status = redirect.status();
  record.status_is_ours = true;
  record.shaped = Shaped::redirected;
  exchange.committed = true;
  exchange.worker().telemetry.count(Counter::redirects);
  exchange.trace(Stage::route, Event::redirected, record.status, plan.shaping->source);
  const bool keep = co_await exchange.server.skip_buffered_body(*exchange.scope);
  const auto answered = co_await exchange.server.send_answer(exchange.request, record.status, lines,
                                                             text, keep, *exchange.scope);
  co_return answered ? Error() : answered.error();
}

}  // namespace epaulet::path

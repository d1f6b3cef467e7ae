#include "path/obtaining.h"

#include "path/upgrade.h"

namespace epaulet::path {
namespace {

bool is_cautious(const Exchange& exchange) {
  return !http::is_idempotent(exchange.request.method) &&
         exchange.request.find(http::FieldId::idempotency_key) == nullptr;
}

}  // namespace

/// Not a coroutine: g++ 12 loses what a conditional operator awaits.
Task<Result<upstream::LeasePtr>> obtain_for(Exchange& exchange, const Plan& plan, const Hop& hop,
                                            std::optional<TimePoint> fresh_since,
                                            telemetry::Trace& trace, Scope& scope) {
  if (!exchange.request.upgrade.empty()) {
    return obtain_for_upgrade(exchange, plan, hop, fresh_since);
  }
  const auto connect = plan.timeouts->connect;
  if (asks_http2(exchange, plan)) {
    return obtain_stream(exchange.worker(), *exchange.view, hop, fresh_since.value_or(TimePoint()),
                         connect, trace, scope);
  }
  Wanted wanted;
  wanted.cautious = is_cautious(exchange);
  wanted.fresh = fresh_since.has_value();
  return obtain(exchange.worker(), *exchange.view, hop, wanted, connect, trace, scope);
}

}  // namespace epaulet::path

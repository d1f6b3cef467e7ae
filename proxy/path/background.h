#pragma once

#include "path/exchange.h"

namespace epaulet::path {

/// A request that was accepted, until it is delivered or given up.
struct Delivery {
  std::string head;  ///< As HTTP/1.1.
  std::string body;
  std::optional<resilience::BackgroundRoom::Place> place;
  BackgroundSettings rules;
  SocketAddress destination;  ///< As the app dialled it.
  SocketAddress caller;
  bool came_by_http2 = false;
  telemetry::StringId service = 0;
  telemetry::StringId route = 0;
  TimePoint accepted{};

  /// When it is given up, a try that is under way included.
  [[nodiscard]] TimePoint late() const { return accepted + rules.give_up_after; }
};

/// Whether a request is accepted at once and delivered later: its route says so, and it is no call
/// that waits for what it gets (gRPC, an upgrade), nor one that is being delivered.
[[nodiscard]] bool is_for_later(const Exchange& exchange, const Plan& plan);

/// Keeps the request, answers 202, and delivers it in the background: each try is an exchange of
/// its own, with the route's timeouts and retries, under the configuration that is then in force.
/// At least once: a try whose answer was lost is made again, with the same Idempotency-Key, which
/// is added where the app sent none. Ends with an answer below 400 (delivered), another 4xx than
/// 408, 425 and 429 (refused), or when `tries`, `give_up_after` or the process is over; what is
/// given up is counted and logged. Errors: background_full, body_too_large, head_too_large (with
/// the fields that are added to what is kept), the caller's.
Task<Error> take_for_later(Exchange& exchange, const Plan& plan);

}  // namespace epaulet::path

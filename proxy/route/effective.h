#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "config/settings.h"

/// Timeouts and retries with every value decided: route <- service <- top level <- default, key by
/// key.
namespace epaulet {

struct EffectiveTimeouts {
  Duration request =
      std::chrono::seconds(15);         ///< Until the response head, retries included. 0: none.
  Duration attempt = Duration::zero();  ///< Until the response head. 0: what remains of `request`.
  Duration first_byte = Duration::zero();      ///< The same, from the request's end on. 0: none.
  Duration connect = std::chrono::seconds(1);  ///< Dial and TLS handshake.
  Duration idle = std::chrono::minutes(5);     ///< Nothing moved on an exchange or tunnel.
  Duration stream_idle = Duration::zero();     ///< Behind the response head. 0: `idle`.
  Duration max_duration = Duration::zero();    ///< Of an exchange or tunnel in all. 0: none.
  Duration head = std::chrono::seconds(10);    ///< Downstream request head.
  Duration keep_alive = std::chrono::seconds(60);  ///< Idle downstream connection between requests.
  Duration detect = std::chrono::seconds(10);      ///< First bytes on a strict inbound port.

  friend bool operator==(const EffectiveTimeouts&, const EffectiveTimeouts&) = default;
};

struct EffectiveRetry {
  std::uint32_t max = 2;  ///< Retries after the first attempt, at most limits::kRetriesMax.
  BackoffSettings backoff;
  double budget = 0.2;                            ///< Share of first attempts in 10 s.
  std::uint32_t budget_floor = 3;                 ///< Retries per 10 s always allowed.
  std::optional<std::vector<RetryError>> errors;  ///< Nothing: all that may be retried.
  std::vector<std::uint16_t> statuses;    ///< Ascending. Retried for idempotent methods only.
  std::vector<GrpcStatus> grpc_statuses;  ///< Retried for every gRPC call.
  bool non_idempotent = false;            ///< POST and PATCH may be sent again too.
  std::optional<HedgeSettings> hedge;     ///< Enabled, if there.

  [[nodiscard]] bool retries_status(std::uint16_t status) const;
};

/// The nearest layer comes first: {&route.timeouts, &service.timeouts, &settings.timeouts}.
[[nodiscard]] EffectiveTimeouts effective_timeouts(
    std::initializer_list<const TimeoutSettings*> layers);
[[nodiscard]] EffectiveRetry effective_retry(std::initializer_list<const RetrySettings*> layers);

}  // namespace epaulet

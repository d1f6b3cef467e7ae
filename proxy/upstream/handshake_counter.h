#pragma once

#include "telemetry/telemetry.h"
#include "tls/handshake_failure.h"

namespace epaulet::upstream {

/// The counter of a failed handshake, ours or a caller's.
[[nodiscard]] inline telemetry::Counter counter_of(HandshakeFailure failure) {
  using telemetry::Counter;
  constexpr auto kFirst = static_cast<unsigned>(Counter::handshakes_failed_expired);
  static_assert(static_cast<unsigned>(Counter::handshakes_failed_other) - kFirst ==
                static_cast<unsigned>(HandshakeFailure::other));
  return static_cast<Counter>(kFirst + static_cast<unsigned>(failure));
}

}  // namespace epaulet::upstream

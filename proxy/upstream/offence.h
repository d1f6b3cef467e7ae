#pragma once

#include "http/http2/session.h"
#include "telemetry/telemetry.h"

namespace epaulet::upstream {

/// Where connections are counted that were ended for it; it is not `none`.
[[nodiscard]] constexpr telemetry::Counter counter_of(http::http2::Offence offence) {
  using http::http2::Offence;
  using telemetry::Counter;
  switch (offence) {
    case Offence::resets:
      return Counter::http2_offence_resets;
    case Offence::made_resets:
      return Counter::http2_offence_made_resets;
    case Offence::continuations:
      return Counter::http2_offence_continuations;
    case Offence::idle_frames:
      return Counter::http2_offence_idle_frames;
    case Offence::acknowledgements:
      return Counter::http2_offence_acknowledgements;
    case Offence::none:
    case Offence::protocol:
      break;
  }
  return Counter::http2_offence_protocol;
}

}  // namespace epaulet::upstream

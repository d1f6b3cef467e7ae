#pragma once

#include "telemetry/telemetry.h"

namespace epaulet::path {

/// Counts a connection to a port of the app that is served, for as long as it is.
class PortUse {
 public:
  PortUse(telemetry::Telemetry& telemetry, std::uint16_t port, telemetry::Protection protection)
      : telemetry_(telemetry), port_(port), protection_(protection) {
    telemetry_.inbound_opened(port_, protection_);
  }
  PortUse(const PortUse&) = delete;
  PortUse& operator=(const PortUse&) = delete;
  ~PortUse() { telemetry_.inbound_closed(port_, protection_); }

 private:
  telemetry::Telemetry& telemetry_;
  const std::uint16_t port_;
  const telemetry::Protection protection_;
};

}  // namespace epaulet::path

#pragma once

#include "telemetry/telemetry.h"

namespace epaulet::telemetry {

/// Counts for one in a gauge as long as it lives, and may go over to another.
class Counted {
 public:
  Counted(Telemetry& telemetry, Gauge gauge) : telemetry_(telemetry), gauge_(gauge) {
    telemetry_.adjust(gauge_, 1);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { telemetry_.adjust(gauge_, -1); }

  void go_over_to(Gauge gauge) {
    if (gauge == gauge_) return;
    telemetry_.adjust(gauge_, -1);
    telemetry_.adjust(gauge_ = gauge, 1);
  }

 private:
  Telemetry& telemetry_;
  Gauge gauge_;
};

}  // namespace epaulet::telemetry

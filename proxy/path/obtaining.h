#pragma once

#include <optional>

#include "path/exchange.h"
#include "path/reach.h"

namespace epaulet::path {

/// What one attempt of the exchange goes over: a connection, a stream of one that others share, or
/// a connection that an upgrade may take over. `fresh_since`: nothing that is older.
Task<Result<upstream::LeasePtr>> obtain_for(Exchange& exchange, const Plan& plan, const Hop& hop,
                                            std::optional<TimePoint> fresh_since,
                                            telemetry::Trace& trace, Scope& scope);

}  // namespace epaulet::path

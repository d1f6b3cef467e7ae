#pragma once

#include "path/exchange.h"

namespace epaulet::path {

/// Inbound, after access, where the snapshot has `concurrency`: the exchange's place with the app.
/// The app's own probes and calls of gRPC's health service take none. Errors: overloaded.
[[nodiscard]] Result<void> take_place(Exchange& exchange);

/// The exchange is over, with `ended`: who was waited for until time was up took at least so long.
void leave_place(Exchange& exchange, const Error& ended);

}  // namespace epaulet::path

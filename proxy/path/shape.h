#pragma once

#include "path/exchange.h"

/// What a route does to its requests (`plan.shaping`, which is there in all of these).
namespace epaulet::path {

/// Fields and target, as the backend is to get them.
void shape_request(Exchange& exchange, const Plan& plan);

/// Instead of asking anybody: answers with a redirect. Returns how the exchange ended.
Task<Error> send_elsewhere(Exchange& exchange, const Plan& plan);

}  // namespace epaulet::path

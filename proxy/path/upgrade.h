#pragma once

#include "path/exchange.h"
#include "runtime/fork.h"

namespace epaulet::path {

/// 101 Switching Protocols (RFC 9110 section 15.2.2): passes the response on and hands both
/// connections to a tunnel, with what either side has sent already. Errors: response_malformed if
/// no upgrade was asked for.
Task<Error> switch_protocols(Exchange& exchange, upstream::Lease& lease, Fork<Error>& upload);

}  // namespace epaulet::path

#pragma once

#include "path/exchange.h"
#include "path/reach.h"
#include "runtime/fork.h"

namespace epaulet::path {

/// A WebSocket's handshake has a key in HTTP/1.1 and none in HTTP/2 (RFC 8441 section 5): before
/// the request is sent, gives it one of ours if it came without.
void settle_handshake(Exchange& exchange);

/// A way to the hop on which the upgrade can be asked for: a connection of HTTP/1.1, or a stream of
/// one of HTTP/2 whose peer serves extended CONNECT. Errors: upgrade_unsupported if the app is to
/// be asked in HTTP/2 and does not. `fresh_since`: no connection that is older.
Task<Result<upstream::LeasePtr>> obtain_for_upgrade(Exchange& exchange, const Plan& plan, Hop hop,
                                                    std::optional<TimePoint> fresh_since);

/// 101 Switching Protocols (RFC 9110 section 15.2.2), or what stands for it in HTTP/2: passes the
/// response on and hands both ends to a tunnel, with what either side has sent already. Errors:
/// response_malformed if no upgrade was asked for. `idle`: of the tunnel, 0 if it has no such
/// limit; stream_idle_timeout.
Task<Error> switch_protocols(Exchange& exchange, upstream::Lease& lease, Fork<Error>& upload,
                             Duration idle);

}  // namespace epaulet::path

#pragma once

#include <optional>

#include "accept/loop_guard.h"
#include "base/address.h"
#include "base/result.h"

namespace epaulet {

/// Where the client of an accepted, redirected TCP connection meant to go.
///
/// `fd`: a connected TCP socket; IPv4, IPv6, or IPv6 with a mapped IPv4 peer.
/// Errors: original_destination_missing if the connection was not redirected (detail 0) or the
/// kernel does not know (detail errno); the connection is then to be reset. Whether the destination
/// is one of our own listeners is for `decide` below.
[[nodiscard]] Result<SocketAddress> original_destination(int fd);

/// The decision, apart from the system calls.
///
/// `original`: what connection tracking says, if anything. `local`: what getsockname says.
/// Errors: original_destination_missing, destination_is_ourselves; both downstream's, never
/// retried.
[[nodiscard]] Result<SocketAddress> decide(const std::optional<SocketAddress>& original,
                                           const SocketAddress& local, const LoopGuard& own);

/// Of a connection that enters the pod: is it meant for the pod at all? The rules redirect whatever
/// arrives, also what a neighbour sends through the pod as if it were a router, and we would carry
/// it on: to another pod, to a metadata service, to loopback.
///
/// `original` and `local` as above. Errors: destination_not_here, downstream's, never retried.
/// Cost: none where they are the same address, as they are in a pod with one.
[[nodiscard]] Result<void> require_here(const SocketAddress& original, const SocketAddress& local,
                                        const LoopGuard& own);

}  // namespace epaulet

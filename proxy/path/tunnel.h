#pragma once

#include "path/detecting.h"

namespace epaulet::path {

/// What a tunnel moved.
struct Relayed {
  std::uint64_t upstream_bytes = 0;    ///< From downstream to upstream.
  std::uint64_t downstream_bytes = 0;  ///< From upstream to downstream.
  Error error;                         ///< code none: both sides ended with a FIN.
};

/// Copies both ways until both sides have ended: a FIN is passed on as a FIN, a reset as a reset.
/// `idle`: ends with stream_idle_timeout once nothing has come either way for so long; 0: no limit,
/// since TCP keepalive finds dead peers, and an idle connection whose keepalive answers is not cut.
Task<Relayed> relay(ByteStream& downstream, StreamReader& from_downstream, ByteStream& upstream,
                    StreamReader& from_upstream, Scope& parent, Duration idle);

/// relay() for an accepted connection, reported as a tunnel.
Task<void> tunnel(Connection& connection, RawUpstream upstream);

}  // namespace epaulet::path

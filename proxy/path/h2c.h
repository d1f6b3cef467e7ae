#pragma once

#include <optional>
#include <string>

#include "path/exchange.h"

namespace epaulet::path {

/// The settings that come with a request to go on in HTTP/2 (`Upgrade: h2c`, RFC 7540 section 3.2),
/// decoded; nothing if the request is not one, or not one to be agreed to: then it is served as any
/// other, which the RFC leaves to the server. Agreed to is what has no body and is meant for an app
/// that is asked in HTTP/2 anyhow: each request on the connection still is judged by itself, and
/// none of an app that knows HTTP/1.1 alone comes to speak HTTP/2.
[[nodiscard]] std::optional<std::string> h2c_offer(const Exchange& exchange);

/// Agrees, and serves the connection from then on, the request that was read first.
Task<void> serve_h2c(Connection& connection, http::RequestHead request, std::string settings);

/// Whether whatever serves the connection's requests is to be asked in HTTP/2. inbound.cc,
/// outbound.cc
[[nodiscard]] bool is_asked_in_http2_inbound(const Connection& connection,
                                             const Snapshot& snapshot);
[[nodiscard]] bool is_asked_in_http2_outbound(const Connection& connection, const View& view);

}  // namespace epaulet::path

#pragma once

#include "http/message.h"
#include "path/exchange.h"
#include "policy/principals.h"

namespace epaulet::path {

/// Takes a token of every limit of `rate_limits` that the request meets, or of none. Inbound, after
/// access. `client`: the address that the request comes from, as far as it is known. Errors:
/// rate_limited, with the milliseconds until it may come again.
[[nodiscard]] Result<void> within_limits(Exchange& exchange, const Principals& principals,
                                         const IpAddress& client);
/// The same for what the app asks for: `limit` of its route or service.
[[nodiscard]] Result<void> within_limit(Exchange& exchange, const RateLimitState& limit);

/// RateLimit-Limit, -Remaining and -Reset of the limit that leaves least, if any was met
/// (draft-ietf-httpapi-ratelimit-headers-03).
void add_rate_fields(const Exchange& exchange, http::AddedFields& fields);

}  // namespace epaulet::path

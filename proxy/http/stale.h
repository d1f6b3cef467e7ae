#pragma once

#include <chrono>
#include <optional>

#include "http/message.h"

namespace epaulet::http {

/// For how long a response may stand in for one that failed, from now on; nothing: it may not, or
/// must not be kept at all. RFC 9111 section 3, for a cache that all users of a service share, and
/// RFC 5861 section 4: `stale-if-error`, behind `max-age` or `s-maxage`.
///
/// `declared`: what a route says of its responses that say nothing themselves. no-store, no-cache,
/// private, must-revalidate, Set-Cookie and Vary: * stand against it all the same, and so does what
/// says in the request whose it is, unless the response is public: Authorization, Cookie, and the
/// usual headers of keys and tokens; `is_personal`: another one that the configuration names. Only
/// of 200 to a GET, and not of HTTP/1 that ends with its connection.
[[nodiscard]] std::optional<std::chrono::nanoseconds> stale_for(
    const RequestHead& request, const ResponseHead& response,
    std::optional<std::chrono::nanoseconds> declared, bool is_personal = false);

/// How old it was when it came (RFC 9111 section 5.1); 0 if it says nothing.
[[nodiscard]] std::chrono::seconds age_of(const ResponseHead& response);

}  // namespace epaulet::http

#pragma once

#include "http/http1/head_end.h"
#include "http/message.h"

/// Heads of HTTP/1.x messages (RFC 9112 sections 2 to 6): bytes in, vocabulary out, no socket and
/// no clock.
///
/// Strict wherever two readers of the same bytes could differ, because what we authorise must be
/// what the application reads; lenient only where nobody can be deceived (a missing reason phrase,
/// leading empty lines, characters such as "|" in targets). Every refusal names its Fault in
/// Error::detail.
namespace epaulet::http::http1 {

/// Copies the head's bytes into head.storage and fills every member of the head, framing included.
///
/// `head_bytes`: exactly one head, as find_head_end() measured it. `head` is cleared first and
/// keeps its capacity: no allocation once it has seen as many fields, but for the pooled Block.
/// `expects_continue` is set only if a body follows; in HTTP/1.0, Expect is ignored and not passed
/// on. `upgrade` only in HTTP/1.1, if Connection nominates it, and if it could not carry further
/// requests past the access rules: not for h2c, HTTP/x or TLS, whose request goes on as plain
/// HTTP/1.1.
///
/// Errors, as Error{code, Side::downstream, Stage::parse, Retry::never}: head_malformed,
/// head_too_large, framing_ambiguous, version_unsupported, expectation_unsupported. On an error
/// only `head.version` and what the start line held may be used, and only for telling: close the
/// connection after the answer.
[[nodiscard]] Result<void> parse_request_head(ConstBytes head_bytes, const HeadLimits& limits,
                                              RequestHead& head);

/// As above, with Side::upstream and response_malformed, response_head_too_large,
/// response_framing_ambiguous.
///
/// `request_method`: of the request that this answers; decides the framing for HEAD and CONNECT.
/// `keep_alive` is false also where the end of the body is the end of the connection, and where the
/// sender announced a body that cannot be (a 204 with a length).
[[nodiscard]] Result<void> parse_response_head(ConstBytes head_bytes, const HeadLimits& limits,
                                               Method request_method, ResponseHead& head);

}  // namespace epaulet::http::http1

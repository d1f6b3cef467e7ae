#pragma once

#include <span>
#include <string>

#include "http/message.h"

/// Whether one response may answer several requests that ask the same at the same time ("collapsed
/// requests", RFC 9111 section 4): as a cache might that all users of a service share.
namespace epaulet::http {

/// A GET or HEAD without a body, a range, a condition or a wish for a fresh answer (no-cache,
/// no-store, max-age=0). `with_credentials`: also one that says whose it is, to be answered with
/// others that say the same.
[[nodiscard]] bool may_be_asked_together(const RequestHead& request, bool with_credentials);

/// Whether a response depends on the field, for all that we know: not ids of one request or trace,
/// nor what `ignored` names in any case, nor Host, since the authority is compared.
[[nodiscard]] bool tells_requests_apart(const Field& field, std::span<const std::string> ignored);

/// Whether a field of a response says something of the one request that led to it: an id of it or
/// of its trace, or what `ignored` names, which an app may have written back. Not what means
/// something else in a response (Content-Type, Cache-Control, Date, Via).
[[nodiscard]] bool answers_one_request(const Field& field, std::span<const std::string> ignored);

/// A final response of a status that a cache may keep (RFC 9110 section 15.1), with nothing that
/// forbids to give it to others: no-store, no-cache, private, an age of 0 or an end (Expires) that
/// only a cache's clock can judge; Set-Cookie; Vary by anything that does not tell requests apart.
/// Not one of HTTP/1 that ends with its connection, since nobody knows whether it is whole, nor a
/// stream of events.
[[nodiscard]] bool may_answer_several(const ResponseHead& response,
                                      std::span<const std::string> ignored);

}  // namespace epaulet::http

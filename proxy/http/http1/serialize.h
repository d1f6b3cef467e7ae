#pragma once

#include <array>

#include "http/message.h"
#include "io/stream.h"

/// Heads as bytes. What was received goes out byte for byte: order, case and odd spacing of every
/// field that is not removed; then the fields that we added; then what only this hop needs.
namespace epaulet::http::http1 {

/// Bytes that write_request_head() will write.
[[nodiscard]] std::size_t request_head_bytes(const RequestHead& head,
                                             std::string_view hop_lines = {});

/// Writes start line, fields and empty line; returns the bytes written. `out`: at least
/// request_head_bytes().
///
/// - The version is ours: HTTP/1.1, whatever the sender speaks (RFC 9110 section 6.2).
/// - The target: `rewritten_target` if there is one; origin form for an absolute target (RFC 9112
/// section
///   3.2.1), whose Host is known to agree; otherwise as received.
/// - Host, if none was received (HTTP/1.0): `head.authority`, as the first field. It is empty if
/// nobody filled it. `hop_lines`: complete lines with CRLF, for example "Connection: close\r\n".
std::size_t write_request_head(const RequestHead& head, Bytes out, std::string_view hop_lines = {});

/// The same for a response; HTTP/1.1 too. A missing reason leaves its space (RFC 9112 section 4
/// demands it). Also for responses of our own: only `status`, `reason` and `added` are needed.
[[nodiscard]] std::size_t response_head_bytes(const ResponseHead& head,
                                              std::string_view hop_lines = {});
std::size_t write_response_head(const ResponseHead& head, Bytes out,
                                std::string_view hop_lines = {});

/// The line before a chunk's data: hexadecimal size and CRLF. `size`: 0 writes the last chunk's
/// line, behind which the trailer section and an empty line still have to come. Returns the length,
/// at most 18.
std::size_t write_chunk_header(std::array<char, 20>& out, std::size_t size);

}  // namespace epaulet::http::http1

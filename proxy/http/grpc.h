#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

/// What a proxy must know of gRPC over HTTP/2
/// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
namespace epaulet::http {

/// By its Content-Type: application/grpc, alone or with a suffix (+proto) or parameter.
[[nodiscard]] bool is_grpc(const Head& head);

/// `grpc-timeout`: at most eight digits and a unit (H, M, S, m, u, n); 24 h if it is more. Nothing
/// if there is none, or if it is malformed.
[[nodiscard]] std::optional<std::chrono::nanoseconds> grpc_timeout(const RequestHead& head);

/// `grpc-status` in a response's head: how a call has ended that gave no message ("Trailers-Only").
/// Nothing if the answer goes on; 2 (unknown) if it is none of those that there are.
[[nodiscard]] std::optional<std::uint8_t> grpc_status(const ResponseHead& head);
/// The same in trailers, lines with CRLF.
[[nodiscard]] std::optional<std::uint8_t> grpc_status(std::string_view trailers);

/// A `grpc-message`: everything but printable ASCII, and the percent sign, percent-encoded.
[[nodiscard]] std::string grpc_message(std::string_view text);

}  // namespace epaulet::http

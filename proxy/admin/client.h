#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/limits.h"
#include "base/result.h"

namespace epaulet::admin {

struct AdminAnswer {
  std::uint16_t status = 0;
  std::string body;
};

/// The address that `--admin` gives; nothing, and a line on standard error, if it is none.
[[nodiscard]] std::optional<SocketAddress> address_or_complaint(const std::string& text);

/// GETs a page of a running sidecar. Blocks; for the command line, not for a loop. `target`: path
/// and query, encoded. Each wait ends after `patience`. Errors: connect_refused, connect_failed,
/// attempt_timeout, io_failed, response_malformed, response_truncated; `detail` is the errno where
/// there is one.
[[nodiscard]] Result<AdminAnswer> admin_get(
    const SocketAddress& address, std::string_view target,
    std::chrono::milliseconds patience = limits::kAdminClientTime);

/// The same on a connected stream socket, which stays the caller's. `host`: for the Host field.
[[nodiscard]] Result<AdminAnswer> admin_get_on(int socket, std::string_view host,
                                               std::string_view target,
                                               std::chrono::milliseconds patience);

/// The answer in the bytes that came until the server ended the connection.
[[nodiscard]] Result<AdminAnswer> parse_admin_answer(std::string_view bytes);

/// `text` with all but unreserved characters percent-encoded (RFC 3986 section 2.3).
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace epaulet::admin

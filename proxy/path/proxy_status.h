#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace epaulet::path {

/// Proxy-Status (RFC 9209) as sidecars tell each other why they answered instead of an app:
/// `epaulet; error=<token of the RFC>; details="<our code>[; rule NAME (file:line:column)]"`.
[[nodiscard]] std::string proxy_status_text(ErrorCode code, std::string_view rule,
                                            std::string_view rule_origin);

/// What such a field says, as an error of the upstream side. Retry::safe: nothing reached the app;
/// Retry::if_idempotent: the app's connection broke before it answered. Nothing: the field is not a
/// sidecar's, or its code is of a version that we do not know.
[[nodiscard]] std::optional<Error> failure_told_in(std::string_view proxy_status);

}  // namespace epaulet::path

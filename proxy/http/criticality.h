#pragma once

#include <string_view>

namespace epaulet::http {

/// How critical a request is, from the caller's sidecar to the next: `sheddable`, `default` or
/// `critical`. It counts from a proven peer of the mesh alone, and no app sees it.
inline constexpr std::string_view kCriticalityField = "x-epaulet-criticality";

}  // namespace epaulet::http

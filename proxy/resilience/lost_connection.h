#pragma once

#include "base/error.h"

namespace epaulet::resilience {

/// What a pooled connection that the peer has closed meanwhile looks like from here. Whether one
/// was used says the caller: a new connection that ends so is a failure.
[[nodiscard]] constexpr bool is_lost_connection(ErrorCode code) {
  return code == ErrorCode::closed_before_response || code == ErrorCode::reset_before_response ||
         code == ErrorCode::tls_truncated || code == ErrorCode::upstream_reset;
}

}  // namespace epaulet::resilience

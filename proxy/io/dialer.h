#pragma once

#include "base/address.h"
#include "base/result.h"
#include "io/stream.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet {

/// Makes connections. One per worker.
class Dialer {
 public:
  virtual ~Dialer() = default;
  /// Errors: connect_refused, connect_unreachable, connect_failed (errno), descriptors_exhausted,
  /// or the scope's (its deadline is the connect timeout). All are Retry::safe: nothing was sent.
  virtual Task<Result<StreamPtr>> dial(SocketAddress to, Scope& scope) = 0;
};

}  // namespace epaulet

#pragma once

#include "discovery/resolver.h"
#include "enroll/service_url.h"
#include "io/dialer.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::enroll {

/// TCP to the first of the URL's addresses that answers. The arguments outlive the task.
[[nodiscard]] Task<Result<StreamPtr>> connect(Resolver& resolver, Dialer& dialer,
                                              const ServiceUrl& url, Scope& within);

}  // namespace epaulet::enroll

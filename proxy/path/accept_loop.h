#pragma once

#include "io/listener.h"
#include "path/connection.h"

namespace epaulet::path {

/// Accepts on a listener until the scope ends, and serves each connection. Above
/// `limits.downstream` the excess is reset at accept and counted; without descriptors or memory it
/// waits a little and tries again.
Task<void> accept_loop(Worker& worker, Listener& listener, Entry entry, Scope& scope);

}  // namespace epaulet::path

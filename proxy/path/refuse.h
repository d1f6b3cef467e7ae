#pragma once

#include <string>

#include "path/connection.h"

namespace epaulet::path {

/// Ends a connection that is not served: reports it, and resets it, or answers plain HTTP on a
/// strict port with a 403 and a request id.
Task<void> refuse_connection(Connection& connection, Error error);

/// Sends what is written, then our FIN, and reads on for a short while: closing with unread input
/// would make the kernel reset the connection and destroy the answer before it is read (RFC 9112
/// section 9.6).
Task<void> close_lingering(Connection& connection);

}  // namespace epaulet::path

#pragma once

#include "certs-tool/serve_options.h"

namespace epaulet::certs {

/// Runs the identity service until SIGTERM or SIGINT; SIGHUP reads the CA's folder at once. The
/// exit status. Its log is JSON lines on standard output.
[[nodiscard]] int serve(const ServeOptions& options);

}  // namespace epaulet::certs

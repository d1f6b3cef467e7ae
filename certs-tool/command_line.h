#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "certs-tool/serve_options.h"
#include "crypto/wall_time.h"

namespace epaulet::certs {

inline constexpr int kDone = 0;
inline constexpr int kRefused =
    1;  ///< The reason and the remedy are on `errors` (with --json: on `out`).
inline constexpr int kUsage = 2;

/// Runs the identity service; returns the exit status.
using Serve = std::function<int(const ServeOptions&)>;

/// `epaulet-certs ARGUMENTS`, without the program's name. Returns the exit status. `serve`: what
/// the command of that name does.
[[nodiscard]] int run(const std::vector<std::string>& arguments, WallTime now, std::ostream& out,
                      std::ostream& errors, const Serve& serve);

}  // namespace epaulet::certs

#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "crypto/wall_time.h"

namespace epaulet::certs {

inline constexpr int kDone = 0;
inline constexpr int kRefused =
    1;  ///< The reason and the remedy are on `errors` (with --json: on `out`).
inline constexpr int kUsage = 2;

/// `epaulet-certs ARGUMENTS`, without the program's name. Returns the exit status.
[[nodiscard]] int run(const std::vector<std::string>& arguments, WallTime now, std::ostream& out,
                      std::ostream& errors);

}  // namespace epaulet::certs

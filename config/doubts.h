#pragma once

#include <vector>

#include "config/diagnostic.h"
#include "config/settings.h"

namespace epaulet {

/// What of valid settings will hardly do what it is there for: warnings of `epaulet check`.
[[nodiscard]] std::vector<Diagnostic> doubts_about(const Settings& settings);

}  // namespace epaulet

#pragma once

#include <cstddef>

namespace epaulet::limits {

/// What one sidecar may ask epaulet-directory for: it answers no question for more.
inline constexpr std::size_t kDirectoryServicesMax = 4096;

}  // namespace epaulet::limits

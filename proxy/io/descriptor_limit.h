#pragma once

#include <cstdint>

namespace epaulet {

/// Raises the soft limit of open descriptors to the hard one, which is what an operator means to
/// allow (the soft one is low for programs that use select). Returns what is in force.
std::uint64_t raise_descriptor_limit();

}  // namespace epaulet

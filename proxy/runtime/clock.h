#pragma once

#include <chrono>

namespace epaulet {

/// Monotonic time since an arbitrary point. Only runtime/ reads the real one.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
/// Calendar time, for certificates, tokens and logs.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

}  // namespace epaulet

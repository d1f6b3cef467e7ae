#include "runtime/io_loop.h"

#include <chrono>

namespace epaulet {

TimePoint IoLoop::read_clock() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now());
}

WallTime IoLoop::read_wall_clock() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

}  // namespace epaulet

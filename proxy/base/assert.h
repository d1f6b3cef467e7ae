#pragma once

#include <cstdio>
#include <cstdlib>

namespace epaulet {

/// A broken invariant of our own code: never for what a peer can send. Stays on in release builds,
/// because going on with a broken invariant beside somebody's process is worse than a restart.
[[noreturn]] inline void assert_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "epaulet: broken invariant: %s at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace epaulet

#define EPAULET_ASSERT(expression) \
  ((expression) ? void(0) : ::epaulet::assert_failed(#expression, __FILE__, __LINE__))

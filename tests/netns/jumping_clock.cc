// Preloaded into the program, makes its calendar jump while every other clock goes on: the
// seconds in /run/epaulet/clock, which a test writes while the program runs, are added to
// CLOCK_REALTIME. Without that file (`epaulet redirect` before) nothing is.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

namespace {

using Offset = std::atomic<std::int64_t>;

const Offset& offset() {
  static const Offset kNone{0};
  static const Offset* const kMapped = [] {
    const int file = ::open("/run/epaulet/clock", O_RDONLY | O_CLOEXEC);
    if (file < 0) return &kNone;
    void* mapped = ::mmap(nullptr, sizeof(Offset), PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    return mapped == MAP_FAILED ? &kNone : static_cast<const Offset*>(mapped);
  }();
  return *kMapped;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  using Function = int (*)(clockid_t, timespec*);
  static const auto kReal = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = kReal(clock, out);
  if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
  out->tv_sec += offset().load(std::memory_order_relaxed);
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}
}

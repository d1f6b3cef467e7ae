#include "io/descriptor_limit.h"

#include <sys/resource.h>

namespace epaulet {

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlimit wanted{limit.rlim_max, limit.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &wanted) == 0 ? limit.rlim_max : limit.rlim_cur;
}

}  // namespace epaulet

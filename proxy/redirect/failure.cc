#include "redirect/failure.h"

#include <cerrno>
#include <system_error>

namespace epaulet::redirect {

std::string errno_text(int error_number) {
  return std::generic_category().message(error_number);
}

Failure system_failure(std::string what, int error_number, const char* capability,
                       const char* feature) {
  what += ": " + errno_text(error_number);
  if (error_number == EPERM || error_number == EACCES) {
    return {std::move(what), std::string("run as root with ") + capability +
                                 " (in Kubernetes: securityContext.capabilities.add)"};
  }
  if (error_number == EOPNOTSUPP || error_number == EPROTONOSUPPORT || error_number == ENOENT ||
      error_number == EAFNOSUPPORT || error_number == EINVAL) {
    return {std::move(what), std::string("the kernel must have ") + feature};
  }
  return {std::move(what), ""};
}

}  // namespace epaulet::redirect

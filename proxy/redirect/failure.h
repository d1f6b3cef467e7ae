#pragma once

#include <boost/system/result.hpp>
#include <string>

namespace epaulet::redirect {

/// Why a step of `epaulet redirect` failed, for a person: this command runs once, in front of one.
struct Failure {
  std::string what;    ///< What could not be done and why, without a full stop.
  std::string remedy;  ///< What to do about it; "" if there is nothing to say.
};

template <class T>
using OrFailure = boost::system::result<T, Failure>;

/// "Operation not permitted" and the like.
[[nodiscard]] std::string errno_text(int error_number);

/// A step that needs a capability or a kernel feature. EPERM and EACCES name `capability`,
/// EOPNOTSUPP and its kin name `feature`.
[[nodiscard]] Failure system_failure(std::string what, int error_number, const char* capability,
                                     const char* feature);

}  // namespace epaulet::redirect

#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include "base/error.h"

namespace epaulet {

/// An expected failure is a value. g++ 12 has std::expected only in C++23 mode.
template <class T>
using Result = boost::system::result<T, Error>;

/// Called by `value()` on an error: a broken invariant, since callers must look first.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location& where) {
  std::fprintf(stderr, "epaulet: unchecked error %u\n", static_cast<unsigned>(error.code));
  assert_failed("value() on an error", where.file_name(), static_cast<int>(where.line()));
}

}  // namespace epaulet

#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <utility>

#include "base/assert.h"

namespace epaulet {

/// Why something from outside was refused, for a person: control plane and tools only, never on the
/// data path. Holds no secret.
struct Reason {
  std::string what;    ///< Names the file or the object. One sentence without a full stop.
  std::string remedy;  ///< What to do about it.

  Reason() = default;
  // Two arguments, so that no string becomes a Reason by accident (Checked<std::string> would be
  // ambiguous).
  Reason(std::string what_, std::string remedy_)
      : what(std::move(what_)), remedy(std::move(remedy_)) {}

  /// "what: remedy" on one line.
  [[nodiscard]] std::string to_string() const {
    return remedy.empty() ? what : what + "; " + remedy;
  }
};

/// A value, or the reason why there is none.
template <class T>
using Checked = boost::system::result<T, Reason>;

/// Called by `value()` on a reason: a broken invariant, since callers must look first.
[[noreturn]] inline void throw_exception_from_error(const Reason& reason,
                                                    const boost::source_location& where) {
  std::fprintf(stderr, "epaulet: unchecked reason: %s\n", reason.what.c_str());
  assert_failed("value() on a reason", where.file_name(), static_cast<int>(where.line()));
}

}  // namespace epaulet

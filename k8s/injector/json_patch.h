#pragma once

#include <boost/json.hpp>

namespace epaulet::injector {

/// RFC 6902: what makes `after` of `before`, with add, remove and replace alone. Objects are
/// compared member by member, arrays of one size element by element; arrays of different sizes are
/// replaced as a whole. Empty if they are equal: so whoever computes `after` anew each time is
/// idempotent.
[[nodiscard]] boost::json::array patch_between(const boost::json::value& before,
                                               const boost::json::value& after);

}  // namespace epaulet::injector

#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

namespace epaulet {

/// A JSON object (RFC 8259) of a stranger: UTF-8, nothing behind it, nested at most `depth_max`
/// deep, and no member twice at any depth. RFC 7515 section 4 lets a parser take the last of
/// duplicates, as Boost.JSON does; another one takes the first, and the two would see different
/// tokens.
[[nodiscard]] std::optional<boost::json::object> parse_json_object(std::string_view text,
                                                                   std::size_t depth_max);

}  // namespace epaulet

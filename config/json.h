#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace epaulet::config {

/// Indented by two blanks, keys in their order, short lists on one line; ends with a newline.
[[nodiscard]] std::string pretty_json(const boost::json::value& value);

}  // namespace epaulet::config

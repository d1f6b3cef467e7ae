#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

/// What files under `state.dir` have in common: a version, and objects by name under one key.
namespace epaulet {

[[nodiscard]] std::string state_document(std::string_view key, boost::json::object by_name);

/// The objects of such a text. Errors: config_invalid if it is none of this version.
[[nodiscard]] Result<boost::json::object> read_state_document(std::string_view text,
                                                              std::string_view key);

/// What a file of ours cannot hold.
inline constexpr Error kNotOurs(ErrorCode::config_invalid, Side::self, Stage::none);

}  // namespace epaulet

#pragma once

#include <string>

namespace epaulet {

/// The configuration's JSON schema (draft 2020-12) for editors, made from the key tables. It knows
/// the shape; rules between keys are the loader's alone.
[[nodiscard]] std::string json_schema();

}  // namespace epaulet

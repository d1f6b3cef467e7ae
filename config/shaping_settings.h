#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"

/// What few routes ask for: a query to match.
namespace epaulet {

/// Of the first parameter of this name, percent-decoded: at most one of `exact` and `pattern`.
struct QueryMatchSettings {
  std::string name;
  std::optional<std::string> exact;    ///< Neither: presence is enough.
  std::optional<std::string> pattern;  ///< `*` stands for any text.
};

struct ShapingSettings {
  std::vector<QueryMatchSettings> query;
};

}  // namespace epaulet

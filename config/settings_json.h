#pragma once

#include <string>

#include "config/settings.h"

namespace epaulet {

/// The settings as JSON for GET /config. It has the keys of the user's file and can be loaded as
/// one: services and backends stand apart, durations carry units, keys that inherit or were left
/// out are absent. Nothing in it is secret: keys and certificates appear as paths only.
[[nodiscard]] std::string settings_to_json(const Settings& settings);

}  // namespace epaulet

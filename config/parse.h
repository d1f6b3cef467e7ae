#pragma once

#include <map>
#include <optional>

#include "config/context.h"

namespace epaulet::config {

/// Feeds the text through yaml-cpp into the draft. Returns a diagnostic if the text is no YAML, or
/// not one document: then nothing else is worth reporting. Otherwise complaints about what was
/// read are in `complaints`. `paths`, if given, collects the paths of keys that were read.
[[nodiscard]] std::optional<Diagnostic> parse(SourceText& source, Draft& draft,
                                              Complaints& complaints,
                                              std::map<std::string, Place>* paths = nullptr);

}  // namespace epaulet::config

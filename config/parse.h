#pragma once

#include <map>
#include <optional>

#include "config/context.h"

namespace epaulet::config {

struct Object;

/// Feeds the text through yaml-cpp into the draft: one document of our own keys, and, if any says
/// of itself what it is, any number of Gateway API's routes beside it. Returns a diagnostic if the
/// text is no YAML, or not one document: then nothing else is worth reporting. Otherwise complaints
/// about what was read are in `complaints`. `paths`, if given, collects the paths of keys that were
/// read.
[[nodiscard]] std::optional<Diagnostic> parse(SourceText& source, Draft& draft,
                                              Complaints& complaints,
                                              std::map<std::string, Place>* paths = nullptr);

/// The same of another kind of file: `root` is read into `target`, which is of its struct.
[[nodiscard]] std::optional<Diagnostic> parse_as(const Object& root, void* target,
                                                 SourceText& source, Complaints& complaints);

}  // namespace epaulet::config

#pragma once

#include <map>
#include <optional>

#include "config/context.h"

namespace epaulet::config {

struct Object;

/// What stands in a text, by key.
struct KeysRead {
  std::map<std::string, Place> paths;  ///< As for_each_key() spells them.
  /// Of the sections whose keys are the user's (`services`, say) those: "services.api2.default".
  std::map<std::string, Place> entries;
};

/// Feeds the text through yaml-cpp into the draft: one document of our own keys, and, if any says
/// of itself what it is, any number of Gateway API's routes beside it. Returns a diagnostic if the
/// text is no YAML, or not one document: then nothing else is worth reporting. Otherwise complaints
/// about what was read are in `complaints`. `read`, if given, collects what was there.
[[nodiscard]] std::optional<Diagnostic> parse(SourceText& source, Draft& draft,
                                              Complaints& complaints, KeysRead* read = nullptr);

/// The same of another kind of file: `root` is read into `target`, which is of its struct.
[[nodiscard]] std::optional<Diagnostic> parse_as(const Object& root, void* target,
                                                 SourceText& source, Complaints& complaints);

}  // namespace epaulet::config

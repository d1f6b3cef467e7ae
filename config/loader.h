#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/settings.h"

namespace epaulet {

/// Either settings or all that is wrong with them: exactly one is there.
struct LoadResult {
  std::optional<Settings> settings;
  std::vector<Diagnostic> diagnostics;  ///< In the order of the file.
  /// What of valid documents is left out, and why: parents that are no Service, say.
  std::vector<Diagnostic> notices;

  [[nodiscard]] bool ok() const { return settings.has_value(); }
  /// All diagnostics as a person reads them, "" if all is well.
  [[nodiscard]] std::string format() const { return epaulet::format(diagnostics); }
};

/// Reads one YAML 1.2 document (JSON is YAML). All schema and semantic errors are listed together,
/// the first 100 in full; a YAML syntax error is reported alone, since what follows it means
/// nothing.
///
/// `source_name` stands in every diagnostic and origin. `directory` is where relative paths in the
/// text begin (identity.dir, state.dir, keys.file); "": they stay as they are.
/// No file is opened and no name resolved: whether a folder or key file is there is found when the
/// snapshot is built. Never throws. Memory beyond the settings is small: no tree is kept.
[[nodiscard]] LoadResult load_settings(std::string source_name, std::string_view yaml_text,
                                       std::string_view directory);

/// One of several texts that are one configuration together.
struct ConfigText {
  std::string name;  ///< As `source_name` above; all differ.
  std::string_view text;
  std::string directory;
};

/// The same of several: each section (key of the top level) stands in one of them, whole. At least
/// one.
[[nodiscard]] LoadResult load_settings(std::span<const ConfigText> texts);

/// Reads the file at `path`; relative paths in it begin in its folder. A file that cannot be read,
/// or is larger than limits::kConfigBytesMax, is one diagnostic without a line.
[[nodiscard]] LoadResult load_settings_file(const std::string& path);

}  // namespace epaulet

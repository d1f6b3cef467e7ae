#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "config/loader.h"

namespace epaulet {

/// The files that are one configuration, as they were at one moment. What was read is what is
/// compared later: a file that changes between two reads must not be missed.
struct ConfigFiles {
  struct File {
    std::string path;
    std::size_t begin = 0;  ///< In `all`.
    std::size_t size = 0;
    int error = 0;  ///< errno: it cannot be read.
  };
  std::vector<File> files;
  /// The text of the only file; of several, one behind the other, with their names. Differs
  /// whenever a file does, or whenever there is another one.
  std::string all;
  std::set<std::string> folders;  ///< Where they are, and where others may come.
};

/// `given`: files, and folders of which all *.yaml are meant, in the order of their names (a
/// ConfigMap that is mounted, say); a folder may be empty. Never throws.
[[nodiscard]] ConfigFiles read_config_files(const std::vector<std::string>& given);

/// A file that cannot be read is the only diagnostic. `more`: texts that are no files, with names
/// of their own.
[[nodiscard]] LoadResult load_settings(const ConfigFiles& files,
                                       std::span<const ConfigText> more = {});

}  // namespace epaulet

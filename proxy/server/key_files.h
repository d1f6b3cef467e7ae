#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "crypto/digest.h"
#include "policy/caller_keys.h"

namespace epaulet::server {

/// Nothing: the file cannot be read, or is larger.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path, std::size_t bytes_max);

/// The key sets and secrets that `issuers` name, and the keys of `api_keys`.
struct KeyFiles {
  CallerKeys keys;
  /// Of each file by its path, to notice changes; nothing: it could not be read. No file's content
  /// is kept.
  std::map<std::string, std::optional<Sha256>> digests;
  std::string problems;  ///< As the loader's diagnostics; empty if all is well.
  /// A sentence for each key that is there and will not be used, with its place.
  std::vector<std::string> warnings;
};
[[nodiscard]] KeyFiles load_key_files(const Settings& settings);

/// Of the file as load_key_files() would read it.
[[nodiscard]] std::optional<Sha256> digest_of_key_file(const std::string& path);

}  // namespace epaulet::server

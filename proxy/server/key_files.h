#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "crypto/jwk.h"

namespace epaulet::server {

/// Nothing: the file cannot be read, or is larger.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path, std::size_t bytes_max);

/// The key sets that `issuers` name.
struct KeyFiles {
  std::map<std::string, JwkSet> keys;          ///< By the issuer's name.
  std::map<std::string, std::string> content;  ///< By path, to notice changes.
  std::string problems;  ///< As the loader's diagnostics; empty if all is well.
  /// A sentence for each key that is there and will not be used, with its place.
  std::vector<std::string> warnings;
};
[[nodiscard]] KeyFiles load_key_files(const Settings& settings);

}  // namespace epaulet::server

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "crypto/reason.h"

namespace epaulet {

/// The whole of a small text file. Reasons name the path, and for a lack of rights both users.
[[nodiscard]] Checked<std::string> read_pem_file(const std::string& path);

struct PemFile {
  std::string path;
  std::string text;
  mode_t mode = 0644;
};

struct WritePemOptions {
  bool overwrite = false;
  /// Owner of the new files; unset: whoever runs. The sidecar reads key.pem (0600) as uid 1337.
  std::optional<uid_t> owner = std::nullopt;
};

/// Writes a set of files: first all of them completely under temporary names in the same folder
/// (O_EXCL, final mode and owner from the start, synced), then renames one after the other, in
/// order. A reader sees each file old or new, never half. Without `overwrite` an existing file
/// refuses the whole set before anything is renamed.
[[nodiscard]] Checked<void> write_pem_files(const std::vector<PemFile>& files,
                                            const WritePemOptions& options);

}  // namespace epaulet

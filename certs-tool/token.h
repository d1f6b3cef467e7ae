#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "certs-tool/report.h"
#include "certs-tool/token_store.h"

namespace epaulet::certs {

struct TokenOptions {
  std::string ca_folder;
  std::string identity;
  std::chrono::seconds lifetime = TokenStore::kLifetime;
  std::string file;  ///< Where to write it (0600); "": it is printed.
  std::optional<uid_t> owner = std::nullopt;
};

/// A bootstrap token for one workload.
[[nodiscard]] Checked<Report> make_token(const TokenOptions& options, WallTime now);

}  // namespace epaulet::certs

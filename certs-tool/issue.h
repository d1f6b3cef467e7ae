#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "certs-tool/report.h"
#include "crypto/ca.h"

namespace epaulet::certs {

struct IssueOptions {
  std::string ca_folder;
  std::string identity;
  std::string folder;
  std::chrono::seconds lifetime = kLeafLifetime;
  KeyType key_type = KeyType::p256;
  std::optional<uid_t> owner = std::nullopt;
  bool force = false;
};

/// Writes `folder`/key.pem (0600), cert.pem (leaf, then intermediates) and ca.pem (all roots of the
/// CA's folder): what a sidecar's `identity.dir` holds.
[[nodiscard]] Checked<Report> issue(const IssueOptions& options, WallTime now);

}  // namespace epaulet::certs

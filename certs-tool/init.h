#pragma once

#include <string>

#include "certs-tool/report.h"
#include "crypto/ca.h"

namespace epaulet::certs {

struct InitOptions {
  std::string folder;
  std::string trust_domain;
  std::chrono::seconds lifetime = kRootLifetime;
  KeyType key_type = KeyType::p256;
  bool force = false;
};

/// Writes `folder`/ca.pem (0644) and `folder`/ca.key (0600).
[[nodiscard]] Checked<Report> init(const InitOptions& options, WallTime now);

/// Makes the folder and its parents where absent.
[[nodiscard]] Checked<void> make_folder(const std::string& folder);

}  // namespace epaulet::certs

#pragma once

#include <optional>
#include <string>

#include "certs-tool/report.h"
#include "crypto/ca.h"

namespace epaulet::certs {

struct InitOptions {
  std::string folder;
  std::string trust_domain;
  std::chrono::seconds lifetime = kRootLifetime;
  KeyType key_type = KeyType::p256;
  /// An issuer besides, that signs instead of the root. Nothing: the root signs.
  std::optional<std::chrono::seconds> issuer_lifetime = std::nullopt;
  bool force = false;
};

/// Writes `folder`/ca.pem (0644) and `folder`/ca.key (0600), and issuer.pem and issuer.key.
[[nodiscard]] Checked<Report> init(const InitOptions& options, WallTime now);

/// Makes the folder and its parents where absent.
[[nodiscard]] Checked<void> make_folder(const std::string& folder);

}  // namespace epaulet::certs

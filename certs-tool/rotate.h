#pragma once

#include <optional>
#include <string>

#include "certs-tool/report.h"
#include "crypto/ca.h"

namespace epaulet::certs {

struct RotateIssuerOptions {
  std::string ca_folder;
  std::chrono::seconds lifetime = kIssuerLifetime;
  KeyType key_type = KeyType::p256;
};

/// A new issuer below the same root; the first one, if the root signed by itself until now. One
/// step: leaves carry the issuer that signed them, and the root that everybody trusts stays.
[[nodiscard]] Checked<Report> rotate_issuer(const RotateIssuerOptions& options, WallTime now);

struct RotateRootOptions {
  /// announce: a new root is trusted beside the old one. switch_over: it signs. finish: the old one
  /// is trusted no more. status: says what is next.
  enum class Step : std::uint8_t { status, announce, switch_over, finish };
  std::string ca_folder;
  Step step = Step::status;
  std::chrono::seconds lifetime = kRootLifetime;
  std::chrono::seconds issuer_lifetime = kIssuerLifetime;
  KeyType key_type = KeyType::p256;
  bool force = false;  ///< Do not wait: whoever has not heard of the step before is cut off.
};

/// One step of a root's rotation. Each refuses as long as a leaf is alive whose sidecar may not
/// know of the step before, so that nobody is untrusted at any moment.
[[nodiscard]] Checked<Report> rotate_root(const RotateRootOptions& options, WallTime now);

}  // namespace epaulet::certs

#pragma once

#include <string>

#include "certs-tool/report.h"

namespace epaulet::certs {

struct VerifyOptions {
  std::string folder;        ///< With cert.pem, key.pem and ca.pem: a sidecar's `identity.dir`.
  std::string bundle;        ///< Another file than the folder's ca.pem; "" for that one.
  std::string identity;      ///< Whose it must be; "" for anybody's.
  std::string trust_domain;  ///< That it must belong to; "" for the certificate's own.
};

/// Judges a set claim by claim: can it be read, does the key belong to it, is it strong enough, who
/// is it, is it valid now, does it lead to a root, for both roles, within its name constraints.
/// Says of each whether it holds, and if not exactly why. Not ok if one does not.
[[nodiscard]] Checked<Report> verify(const VerifyOptions& options, WallTime now);

}  // namespace epaulet::certs

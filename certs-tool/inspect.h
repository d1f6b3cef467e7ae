#pragma once

#include <string>

#include "certs-tool/report.h"

namespace epaulet::certs {

struct InspectOptions {
  std::string path;
};

/// Shows a PEM file or a folder. A folder with cert.pem is checked exactly as the sidecar would
/// before taking it, one with ca.key as `issue` would. Not ok if something is wrong. Keys are
/// matched, never shown.
[[nodiscard]] Checked<Report> inspect(const InspectOptions& options, WallTime now);

}  // namespace epaulet::certs

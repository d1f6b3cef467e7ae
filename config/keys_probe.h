#pragma once

#include "config/shape.h"

/// What the sidecar asks of the app beside it, for others who must not get past its rules.
namespace epaulet::config {

extern const Object kProbe;
extern const Object kAppMetrics;

}  // namespace epaulet::config

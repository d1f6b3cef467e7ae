#pragma once

#include <string>
#include <vector>

#include "sidecar.h"

namespace epaulet::sim {

/// What is wrong with the retries of a caller's sidecar, all of whose services have the default
/// budget: retries and second attempts of hedges, in any 10 s of one service, are at most 20 % of
/// what was begun there, or 3. Begun are requests, opaque connections (whose dials are tried again
/// out of the same budget) and dials for callers that said nothing at first, whatever became of
/// them. The same of a sidecar that has another share: the inbound hop, which only sends again what
/// a kept connection has lost.
[[nodiscard]] std::vector<std::string> budget_problems(const Sidecar& sidecar, double share = 0.2);

}  // namespace epaulet::sim

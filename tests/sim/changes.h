#pragma once

#include "scenario.h"

namespace epaulet::sim {

/// Draws what changes beside the exchanges, and when: configurations, endpoints, trust, the
/// end of a sidecar. In calm weather none of it may cost a request that the app has got.
void draw_changes(Dice& dice, Scenario& scenario, Mesh& mesh);

}  // namespace epaulet::sim

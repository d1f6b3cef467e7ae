#pragma once

#include "scenario.h"

namespace epaulet::sim {

/// Draws what changes beside the exchanges, and when: configurations, endpoints, trust. In calm
/// weather none of it may cost a request.
void draw_changes(Dice& dice, Scenario& scenario, Mesh& mesh);

}  // namespace epaulet::sim

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "drawn_features.h"
#include "sidecar.h"

namespace epaulet::sim {

/// Of a service by its name.
using BudgetOf = std::function<Budget(std::string_view service)>;

/// What is wrong with the retries of a sidecar: those that were sent, by when they were, and second
/// attempts of hedges, in any 10 s of one service, are at most the budget's share of what was begun
/// there, or its floor. Begun are requests, opaque connections (whose dials are tried again out of
/// the same budget) and dials for callers that said nothing at first, whatever became of them.
[[nodiscard]] std::vector<std::string> budget_problems(const Sidecar& sidecar, const BudgetOf& of);

}  // namespace epaulet::sim

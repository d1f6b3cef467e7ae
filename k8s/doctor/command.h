#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "crypto/wall_time.h"

namespace epaulet::kube {

/// `before`, `check` and `pod`. `exit_code`: 0 nothing failed, 1 something did, 2 nothing could be
/// looked at.
void add_doctor_commands(CLI::App& app, int& exit_code, std::function<WallTime()> clock);

}  // namespace epaulet::kube

#pragma once

#include <cstdint>
#include <string>

#include "k8s/injector/json_access.h"

namespace epaulet::injector {

/// How long SIGTERM is kept from an app that nobody says more of: as long as callers need to hear
/// that the pod ends, and never more than half of the time that it has for its end.
[[nodiscard]] int hold_seconds(std::int64_t grace_seconds);

/// Gives each container that has no `preStop` one: it asks the sidecar, which answers when callers
/// have had so many seconds to go elsewhere. Most apps end at SIGTERM, at which nobody has been
/// told yet.
void hold_back(json::array& containers, const std::string& secret, int seconds);

/// Undoes it.
void release(json::array& containers);

/// The `preStop` of the sidecar: an end begins.
[[nodiscard]] json::object end_hook(const std::string& secret);

}  // namespace epaulet::injector

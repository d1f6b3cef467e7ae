#pragma once

#include <memory>

#include "config/binding.h"
#include "config/health_check_settings.h"

/// The row of the key that stands in a backend and is kept in BackendSettings::health_check.
namespace epaulet::config {

extern const Object kHealthCheck;

inline constexpr std::string_view kHealthCheckDoc =
    "Asks each endpoint whether it is well, also while there is no traffic; absent: only what "
    "requests tell counts.";

inline void* open_health_check(BackendSettings& backend) {
  backend.health_check = std::make_shared<HealthCheckSettings>();
  return backend.health_check.get();
}

constexpr Key health_check_of_backend() {
  Key row{"health_check", kHealthCheck, {}, kHealthCheckDoc};
  row.open = [](void* backend, Draft&) -> void* {
    return open_health_check(*static_cast<BackendSettings*>(backend));
  };
  row.peek = [](const void* backend) -> const void* {
    return static_cast<const BackendSettings*>(backend)->health_check.get();
  };
  return row;
}

}  // namespace epaulet::config

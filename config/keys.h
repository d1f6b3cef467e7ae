#pragma once

#include <optional>
#include <string_view>

#include "config/shape.h"

/// Every key of the user's file. A new key is one row here, one field in settings.h and one line in
/// examples/full.yaml.
namespace epaulet::config {

/// The whole file; reads into Settings.
extern const Object kRoot;

// keys_inbound.cc, keys_credentials.cc
extern const Object kWorkload;
extern const Object kIdentity;
extern const Object kDirectory;
extern const Map kIssuers;
extern const Object kApiKeys;
extern const Object kCredentials;
extern const List kRoleGrants;
extern const Map kRoles;
extern const List kAccess;
extern const List kPathPatterns;
extern const List kMethods;
extern const List kHostPatterns;
extern const List kHeaderMatches;
extern const Scalar kInvalidTokenStatus;
extern const Scalar kAccessMode;
extern const Object kIngress;
// keys_outbound.cc
extern const Map kServices;
extern const Map kBackends;
extern const Scalar kPortProtocol;
extern const Scalar kHttpVersion;
// keys_balance.cc
extern const Object kBalance;
// keys_health.cc
extern const Object kBreaker;
extern const Object kOutliers;
// keys_traffic.cc
extern const Object kTimeouts;         ///< Top level.
extern const Object kServiceTimeouts;  ///< Of a service or a route.
extern const Object kRetries;
extern const Scalar kGrpcStatus;
extern const Object kLimits;         ///< Top level; reads into Settings.
extern const Object kBackendLimits;  ///< Of a backend.
// keys_limits.cc
extern const Object kRateLimit;
extern const List kRateLimits;
// keys_concurrency.cc
extern const Object kConcurrency;
extern const Scalar kCriticality;
// keys_background.cc
extern const Object kBackground;
// keys_fallback.cc
extern const Object kFallback;
// keys_process.cc
extern const Object kListen;
extern const Object kDns;
extern const Scalar kEgress;
extern const Object kLog;
extern const Object kExplain;
extern const Object kTracing;
extern const Object kDrain;
extern const Object kState;
extern const Scalar kWorkers;

/// True for keys that a later version will know: the user made no spelling mistake.
[[nodiscard]] bool is_future_key(std::string_view object, std::string_view key);

/// Calls `visit(path, key)` for every key, with paths such as "services.NAME.routes[].to[].weight".
void for_each_key(const std::function<void(const std::string& path, const Key& key)>& visit);

}  // namespace epaulet::config

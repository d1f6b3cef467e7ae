#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// What a route can do besides, which a seed does not draw but has by its number, so that what it
/// draws means what it did.
namespace epaulet::sim {

enum class Feature {
  none,
  fixed_fallback,    ///< kStoodIn stands in for failures.
  backend_fallback,  ///< Another app does, which answers by the same scripts.
  single_flight,
  mirror,          ///< To the app that has no sidecar.
  non_idempotent,  ///< Whatever fails is tried again.
  health_check,    ///< Which always passes.
  last_good,       ///< What the same GET was answered with before stands in for failures.
  background,      ///< Whatever is no call of gRPC is accepted and delivered later.
  fault,           ///< Some are held up, some are answered with kInjectedStatus.
  rate_limit,      ///< kRate in a second, as many at once.
  retry_after,     ///< Apps that fail ask for a pause of a second.
  locality,        ///< Each app is in a zone of its own, and one of them is ours.
  grpc_statuses,   ///< Calls of gRPC that are answered with UNAVAILABLE are tried again.
};
/// Of a request to api2.default; reloads keep it.
[[nodiscard]] Feature feature_of(std::uint64_t seed);

/// What bounds the retries of a service in any 10 s: a share of what is begun, or so many.
struct Budget {
  double share = 0.2;
  std::uint32_t floor = 3;
};
/// Of api2.default and bare.default; reloads keep it. `calm`: not less than the default, which is
/// enough for what is nobody's fault.
[[nodiscard]] Budget budget_of(std::uint64_t seed, bool calm);
/// Keys of `retries`, behind others.
[[nodiscard]] std::string retry_keys(const Budget& budget);

/// Of fixed_fallback; no app gives such an answer.
inline constexpr int kStoodInStatus = 203;
inline constexpr std::string_view kStoodIn = "stood in";

/// Of fault; no app gives such an answer.
inline constexpr int kInjectedStatus = 555;
/// Of rate_limit.
inline constexpr double kRate = 5;
/// Of background: tries of one request.
inline constexpr std::size_t kTries = 3;
/// Of last_good: how long an answer is good.
inline constexpr int kKeptSeconds = 10;

/// Keys of the service's route, as a part of a flow mapping; may be empty.
[[nodiscard]] std::string route_keys(Feature feature);
/// Keys of the service itself, each line indented by 4; may be empty.
[[nodiscard]] std::string service_keys(Feature feature);
/// The backend that it needs, as a part of a flow mapping; may be empty. `tls`: of pods with a
/// sidecar.
[[nodiscard]] std::string backend_of(Feature feature, std::string_view tls);

}  // namespace epaulet::sim

#include "drawn_features.h"

#include <fmt/format.h>

namespace epaulet::sim {

Feature feature_of(std::uint64_t seed) {
  switch (seed % 32) {
    case 0:
      return Feature::rate_limit;
    case 1:
      return Feature::last_good;
    case 2:
      return Feature::background;
    case 3:
      return Feature::fault;
    case 11:
      return Feature::retry_after;
    case 14:
      return Feature::locality;
    case 15:
      return Feature::grpc_statuses;
    default:
      break;
  }
  // Coprime to what else goes by a seed's number, but for spans, which half of the seeds make.
  switch (seed % 16) {
    case 5:
      return Feature::fixed_fallback;
    case 6:
    case 13:
      return Feature::backend_fallback;
    case 7:
    case 12:
      return Feature::single_flight;
    case 8:
      return Feature::mirror;
    case 9:
      return Feature::non_idempotent;
    case 10:
      return Feature::health_check;
    default:
      return Feature::none;
  }
}

Budget budget_of(std::uint64_t seed, bool calm) {
  // Coprime to all that goes by a seed's number.
  switch (seed % 7) {
    case 1:
      return {1, 10};
    case 2:
      return calm ? Budget() : Budget{0, 1};
    case 3:
      return calm ? Budget() : Budget{0.5, 0};
    case 4:
      return calm ? Budget() : Budget{0.05, 2};
    case 5:
      return calm ? Budget() : Budget{0, 0};
    default:
      return {};
  }
}

std::string retry_keys(const Budget& budget) {
  return fmt::format(", budget: {}%, budget_floor: {}", 100 * budget.share, budget.floor);
}

std::string route_keys(Feature feature) {
  if (feature == Feature::fixed_fallback)
    return fmt::format("fallback: {{ answer: {{ status: {}, body: {} }} }}", kStoodInStatus,
                       kStoodIn);
  if (feature == Feature::backend_fallback) return "fallback: { backend: spare }";
  if (feature == Feature::single_flight) return "single_flight: {}";
  if (feature == Feature::last_good)
    return fmt::format("fallback: {{ last_good: {{ keep: {}s }} }}", kKeptSeconds);
  if (feature == Feature::background)
    return fmt::format(
        "background: {{ tries: {}, give_up_after: 10s, backoff: {{ initial: 50ms, max: 1s }} }}",
        kTries);
  if (feature == Feature::fault)
    return fmt::format(
        "fault: {{ delay: {{ time: 100ms, share: 30% }}, abort: {{ status: {}, share: 30% }} }}",
        kInjectedStatus);
  if (feature == Feature::rate_limit)
    return fmt::format("rate_limit: {{ requests: {0}, burst: {0} }}", kRate);
  if (feature == Feature::mirror) return "request_mirror: { backend: copies }";
  return {};
}

std::string service_keys(Feature feature) {
  if (feature != Feature::health_check) return {};
  return "    health_check: { http: { path: /healthz }, interval: 1s }\n";
}

std::string backend_of(Feature feature, std::string_view tls) {
  if (feature == Feature::backend_fallback)
    return fmt::format("spare: {{ endpoints: {{ addresses: [10.0.0.2:8081] }}, tls: {} }}", tls);
  if (feature == Feature::mirror)
    return "copies: { endpoints: { addresses: [10.0.0.3:8080] }, tls: { mode: none } }";
  return {};
}

}  // namespace epaulet::sim

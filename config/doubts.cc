#include "config/doubts.h"

#include <algorithm>
#include <initializer_list>

#include "config/units.h"

namespace epaulet {
namespace {

/// The defaults, as the documents and route/effective.h have them.
constexpr std::chrono::seconds kRequest{15};
constexpr std::uint32_t kRetries = 2;

template <class Layer, class Value>
const Value* nearest(std::initializer_list<const Layer*> layers,
                     std::optional<Value> Layer::*member) {
  const auto has = [member](const Layer* layer) { return (layer->*member).has_value(); };
  const auto found = std::find_if(layers.begin(), layers.end(), has);
  return found == layers.end() ? nullptr : &*((*found)->*member);
}

/// Another backend is asked once all attempts at the first have ended, in what they leave.
void doubt_fallback(const Settings& top, const ServiceSettings& service, const RouteSettings& route,
                    std::vector<Diagnostic>& doubts) {
  if (!route.fallback || route.fallback->backend.empty()) return;
  const std::initializer_list<const TimeoutSettings*> timeouts{&route.timeouts, &service.timeouts,
                                                               &top.timeouts};
  const std::initializer_list<const RetrySettings*> retries{&route.retries, &service.retries,
                                                            &top.retries};
  const Duration* request = nearest(timeouts, &TimeoutSettings::request);
  const Duration* attempt = nearest(timeouts, &TimeoutSettings::attempt);
  const auto* max = nearest(retries, &RetrySettings::max);
  const auto* errors = nearest(retries, &RetrySettings::errors);
  const Duration all = request == nullptr ? Duration(kRequest) : *request;
  if (all.count() == 0) return;
  const bool tries_again =
      errors == nullptr ||
      std::find(errors->begin(), errors->end(), RetryError::attempt_timeout) != errors->end();
  const auto tries = tries_again ? 1 + (max == nullptr ? kRetries : *max) : 1;
  if (attempt != nullptr && *attempt * tries < all) return;
  auto& doubt = doubts.emplace_back();
  doubt.origin = route.fallback->origin;
  doubt.message =
      "fallback.backend is not asked where the first backend hangs, which takes all of "
      "timeouts.request (" +
      config::write_duration(all.count()) + "): ";
  doubt.message += attempt == nullptr ? "timeouts.attempt is not set"
                                      : std::to_string(tries) + " attempts of " +
                                            config::write_duration(attempt->count()) + " each";
  doubt.remedy =
      "write timeouts: { attempt: 2s } for the route, so that all attempts leave some of it";
}

}  // namespace

std::vector<Diagnostic> doubts_about(const Settings& settings) {
  std::vector<Diagnostic> doubts;
  for (const auto& [name, service] : settings.services) {
    for (const auto& route : service.routes) doubt_fallback(settings, service, route, doubts);
  }
  return doubts;
}

}  // namespace epaulet

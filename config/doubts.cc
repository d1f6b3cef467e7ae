#include "config/doubts.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "config/units.h"

namespace epaulet {
namespace {

/// The defaults, as the documents and route/effective.h have them.
constexpr std::chrono::seconds kRequest{15};
constexpr std::chrono::minutes kIdle{5};
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

/// A time that can hardly be what ends a request, where another is shorter.
struct Within {
  std::optional<Duration> TimeoutSettings::*time;
  std::string_view name;
  std::optional<Duration> TimeoutSettings::*longer;
  std::string_view longer_name;
  Duration by_default;  ///< Of `longer`; 0: none.
};
constexpr Within kWithin[] = {
    {&TimeoutSettings::attempt, "attempt", &TimeoutSettings::request, "request", kRequest},
    {&TimeoutSettings::first_byte, "first_byte", &TimeoutSettings::request, "request", kRequest},
    {&TimeoutSettings::first_byte, "first_byte", &TimeoutSettings::attempt, "attempt", {}},
    {&TimeoutSettings::first_byte, "first_byte", &TimeoutSettings::idle, "idle", kIdle},
    {&TimeoutSettings::request, "request", &TimeoutSettings::max_duration, "max_duration", {}},
};

/// What is written here and cannot pass, since what is inherited ends first. The other way round, a
/// short time here and a longer one that is inherited, is what one means. Where both stand here it
/// is a mistake, which the reader has refused.
void doubt_timeouts(const TimeoutSettings& here,
                    std::initializer_list<const TimeoutSettings*> inherited,
                    std::vector<Diagnostic>& doubts) {
  for (const Within& one : kWithin) {
    const auto& time = here.*one.time;
    if (!time || here.*one.longer) continue;
    const Duration* const written = nearest(inherited, one.longer);
    const Duration longer = written == nullptr ? one.by_default : *written;
    if (longer.count() == 0 || *time <= longer) continue;
    auto& doubt = doubts.emplace_back();
    doubt.origin = here.origin;
    doubt.message = fmt::format(
        "timeouts.{} ({}) can never pass, because timeouts.{} ({}, {}) ends first", one.name,
        config::write_duration(time->count()), one.longer_name,
        config::write_duration(longer.count()), written == nullptr ? "by default" : "inherited");
    doubt.remedy = fmt::format("write a longer {} beside it", one.longer_name);
  }
}

}  // namespace

std::vector<Diagnostic> doubts_about(const Settings& settings) {
  std::vector<Diagnostic> doubts;
  doubt_timeouts(settings.timeouts, {}, doubts);
  for (const auto& [name, service] : settings.services) {
    doubt_timeouts(service.timeouts, {&settings.timeouts}, doubts);
    for (const auto& route : service.routes) {
      doubt_timeouts(route.timeouts, {&service.timeouts, &settings.timeouts}, doubts);
      doubt_fallback(settings, service, route, doubts);
    }
  }
  return doubts;
}

}  // namespace epaulet

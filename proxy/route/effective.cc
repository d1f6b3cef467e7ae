#include "route/effective.h"

#include <algorithm>
#include <optional>

#include "base/limits.h"

namespace epaulet {
namespace {

/// Puts the nearest layer's value into `out`, or leaves the default.
template <class Layer, class Value>
void inherit(std::initializer_list<const Layer*> layers, std::optional<Value> Layer::*member,
             Value& out) {
  for (const Layer* layer : layers) {
    if (!(layer->*member)) continue;
    out = *(layer->*member);
    return;
  }
}

}  // namespace

bool EffectiveRetry::retries_status(std::uint16_t status) const {
  return std::binary_search(statuses.begin(), statuses.end(), status);
}

EffectiveTimeouts effective_timeouts(std::initializer_list<const TimeoutSettings*> layers) {
  EffectiveTimeouts out;
  inherit(layers, &TimeoutSettings::request, out.request);
  inherit(layers, &TimeoutSettings::attempt, out.attempt);
  inherit(layers, &TimeoutSettings::first_byte, out.first_byte);
  inherit(layers, &TimeoutSettings::connect, out.connect);
  inherit(layers, &TimeoutSettings::idle, out.idle);
  inherit(layers, &TimeoutSettings::stream_idle, out.stream_idle);
  inherit(layers, &TimeoutSettings::max_duration, out.max_duration);
  inherit(layers, &TimeoutSettings::head, out.head);
  inherit(layers, &TimeoutSettings::keep_alive, out.keep_alive);
  inherit(layers, &TimeoutSettings::detect, out.detect);
  return out;
}

EffectiveRetry effective_retry(std::initializer_list<const RetrySettings*> layers) {
  EffectiveRetry out;
  inherit(layers, &RetrySettings::max, out.max);
  out.max = std::min(out.max, limits::kRetriesMax);
  inherit(layers, &RetrySettings::backoff, out.backoff);
  inherit(layers, &RetrySettings::budget, out.budget);
  inherit(layers, &RetrySettings::budget_floor, out.budget_floor);
  inherit(layers, &RetrySettings::non_idempotent, out.non_idempotent);
  for (const RetrySettings* layer : layers) {
    if (!layer->errors) continue;
    out.errors = layer->errors;
    break;
  }
  for (const RetrySettings* layer : layers) {
    if (!layer->hedge) continue;
    if (layer->hedge->enabled) out.hedge = layer->hedge;
    break;
  }
  for (const RetrySettings* layer : layers) {
    if (layer->grpc_statuses.empty()) continue;
    out.grpc_statuses = layer->grpc_statuses;
    break;
  }
  for (const RetrySettings* layer : layers) {
    if (layer->statuses.empty())
      continue;  // "None at all" cannot be written, so empty means inherited.
    for (const auto status : layer->statuses) {
      const bool is_class = status < 10;  // 5 is 5xx.
      for (unsigned i = 0; i < (is_class ? 100 : 1); ++i)
        out.statuses.push_back(static_cast<std::uint16_t>(is_class ? status * 100u + i : status));
    }
    std::sort(out.statuses.begin(), out.statuses.end());
    out.statuses.erase(std::unique(out.statuses.begin(), out.statuses.end()), out.statuses.end());
    break;
  }
  return out;
}

}  // namespace epaulet

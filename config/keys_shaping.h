#pragma once

#include <memory>
#include <utility>

#include "config/binding.h"
#include "config/shaping_settings.h"

/// Rows of keys that stand in a route and are kept in RouteSettings::shaping.
namespace epaulet::config {

template <auto Member>
constexpr Key of_shaping(std::string_view name, Shape shape, std::string_view doc) {
  Key row{name, shape, {}, doc};
  row.binding = binding_if_scalar<typename MemberTypes<decltype(Member)>::Field>();
  row.open = [](void* route, Draft&) -> void* {
    auto& shaping = static_cast<RouteSettings*>(route)->shaping;
    if (shaping == nullptr) shaping = std::make_shared<ShapingSettings>();
    return open_field((*shaping).*Member);
  };
  row.peek = [](const void* route) -> const void* {
    const auto& shaping = static_cast<const RouteSettings*>(route)->shaping;
    return shaping == nullptr ? nullptr : peek_field(std::as_const(*shaping).*Member);
  };
  return row;
}

extern const List kQueryMatches;
extern const Object kRequestHeaderModifier;
extern const Object kResponseHeaderModifier;
extern const Object kUrlRewrite;
extern const Object kRequestRedirect;
extern const Object kFault;
extern const Object kRequestMirror;
// keys_cors.cc
extern const Object kCors;
extern const Object kRegexMatch;
// keys_single_flight.cc
extern const Object kSingleFlight;
extern const List kRoutePorts;
extern const Object kRefuse;

/// What they must say together with the route's other keys.
void check_shaping(const RouteSettings& route, Context& context);

}  // namespace epaulet::config

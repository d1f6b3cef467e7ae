#include "http/stale.h"

#include <algorithm>

#include "base/ascii.h"
#include "http/cache_control.h"

namespace epaulet::http {
namespace {

using std::chrono::seconds;

/// What the key of a kept response knows of the request (resilience/last_good.h).
bool is_in_key(std::string_view name) {
  return equals_ignore_case(name, "accept") || equals_ignore_case(name, "accept-encoding") ||
         equals_ignore_case(name, "accept-language") || equals_ignore_case(name, "host");
}

bool varies_otherwise(const ResponseHead& response) {
  bool otherwise = false;
  for (const Field& field : response.fields) {
    if (!equals_ignore_case(field.name, "vary")) continue;
    for_each_element(field.value,
                     [&](std::string_view name) { otherwise = otherwise || !is_in_key(name); });
  }
  return otherwise;
}

}  // namespace

std::chrono::seconds age_of(const ResponseHead& response) {
  const auto* age = response.find("age");
  return age == nullptr ? seconds(0) : age_in(age->value).value_or(seconds(0));
}

std::optional<std::chrono::nanoseconds> stale_for(const RequestHead& request,
                                                  const ResponseHead& response,
                                                  std::optional<std::chrono::nanoseconds> declared,
                                                  bool is_personal) {
  if (request.method != Method::get || response.status != 200) return std::nullopt;
  // Nobody can tell half of it from the whole, but in HTTP/2, where the stream says that it ends.
  if (response.framing.kind == Framing::Kind::until_close && !response.keep_alive)
    return std::nullopt;
  if (has_ever_had(response, "set-cookie") || varies_otherwise(response)) return std::nullopt;
  if (cache_control_of(request).forbids) return std::nullopt;
  const auto control = cache_control_of(response);
  if (control.forbids) return std::nullopt;
  if (!control.is_public && (is_personal || says_who_asks(request))) return std::nullopt;
  if (!control.stale_if_error) return declared;
  const auto fresh = control.s_maxage ? *control.s_maxage : control.max_age.value_or(seconds(0));
  return std::max(fresh - age_of(response), seconds(0)) + *control.stale_if_error;
}

}  // namespace epaulet::http

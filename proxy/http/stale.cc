#include "http/stale.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace epaulet::http {
namespace {

using std::chrono::seconds;

/// Longer ones count as this: what is so old is of no more use.
constexpr seconds kLongest{24 * 60 * 60};

/// Of all Cache-Control fields of a head; what is not understood is as if it were not there. What
/// forbids does so though a route takes it out of what the caller gets: whoever wrote it knew whose
/// the response is.
struct CacheControl {
  bool forbids = false;    ///< To keep it, or to give it without asking.
  bool is_public = false;  ///< It may be kept although the request was authorised.
  std::optional<seconds> max_age;
  std::optional<seconds> s_maxage;
  std::optional<seconds> stale_if_error;
};

std::optional<seconds> seconds_in(std::string_view text) {
  std::int64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec == std::errc::result_out_of_range) return kLongest;
  if (parsed.ec != std::errc() || parsed.ptr != end || number < 0) return std::nullopt;
  return std::min(seconds(std::min<std::int64_t>(number, kLongest.count())), kLongest);
}

std::optional<seconds> number_in(std::string_view directive, std::string_view name) {
  if (directive.size() <= name.size() || directive[name.size()] != '=' ||
      !equals_ignore_case(directive.substr(0, name.size()), name))
    return std::nullopt;
  directive.remove_prefix(name.size() + 1);
  if (directive.size() >= 2 && directive.front() == '"' && directive.back() == '"')
    directive = directive.substr(1, directive.size() - 2);
  return seconds_in(directive);
}

CacheControl cache_control_of(const Head& head) {
  CacheControl control;
  for (const Field& field : head.fields) {
    if (!equals_ignore_case(field.name, "cache-control")) continue;
    const bool permits = !field.removed;
    for_each_element(field.value, [&](std::string_view directive) {
      const auto name = directive.substr(0, directive.find('='));
      const auto is = [name](std::string_view other) { return equals_ignore_case(name, other); };
      control.forbids = control.forbids || is("no-store") || is("no-cache") || is("private") ||
                        is("must-revalidate") || is("proxy-revalidate");
      if (!permits) return;
      control.is_public = control.is_public || is("public");
      if (const auto number = number_in(directive, "max-age")) control.max_age = number;
      if (const auto number = number_in(directive, "s-maxage")) control.s_maxage = number;
      if (const auto number = number_in(directive, "stale-if-error"))
        control.stale_if_error = number;
    });
  }
  return control;
}

/// What the key of a kept response knows of the request (resilience/last_good.h).
bool is_in_key(std::string_view name) {
  return equals_ignore_case(name, "accept") || equals_ignore_case(name, "accept-encoding") ||
         equals_ignore_case(name, "accept-language") || equals_ignore_case(name, "host");
}

/// By what APIs read credentials from, besides Authorization.
constexpr std::string_view kCredentialFields[] = {
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
    "x-session-token",
    "x-session-id",
    "private-token",
    "x-amz-security-token",
    "x-vault-token",
    "x-forwarded-access-token",
    "x-forwarded-user",
    "x-remote-user",
    "x-user-id",
};

bool says_who_asks(const RequestHead& request) {
  return std::any_of(request.fields.begin(), request.fields.end(), [](const Field& field) {
    if (field.removed) return false;  // Nobody behind us sees it.
    if (field.id == FieldId::authorization) return true;
    return std::any_of(std::begin(kCredentialFields), std::end(kCredentialFields),
                       [&](std::string_view name) { return equals_ignore_case(field.name, name); });
  });
}

/// Taken out by a route or not.
bool has_ever_had(const ResponseHead& response, std::string_view name) {
  return std::any_of(response.fields.begin(), response.fields.end(),
                     [name](const Field& field) { return equals_ignore_case(field.name, name); });
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
  return age == nullptr ? seconds(0) : seconds_in(age->value).value_or(seconds(0));
}

std::optional<std::chrono::nanoseconds> stale_for(const RequestHead& request,
                                                  const ResponseHead& response,
                                                  std::optional<std::chrono::nanoseconds> declared,
                                                  bool is_personal) {
  if (request.method != Method::get || response.status != 200) return std::nullopt;
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

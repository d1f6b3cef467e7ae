#include "http/cache_control.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/identity_fields.h"

namespace epaulet::http {
namespace {

using std::chrono::seconds;

std::optional<seconds> number_in(std::string_view directive, std::string_view name) {
  if (directive.size() <= name.size() || directive[name.size()] != '=' ||
      !equals_ignore_case(directive.substr(0, name.size()), name))
    return std::nullopt;
  directive.remove_prefix(name.size() + 1);
  if (directive.size() >= 2 && directive.front() == '"' && directive.back() == '"')
    directive = directive.substr(1, directive.size() - 2);
  return age_in(directive);
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

}  // namespace

std::optional<seconds> age_in(std::string_view text) {
  std::int64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec == std::errc::result_out_of_range) return kLongestAge;
  if (parsed.ec != std::errc() || parsed.ptr != end || number < 0) return std::nullopt;
  return std::min(seconds(std::min<std::int64_t>(number, kLongestAge.count())), kLongestAge);
}

CacheControl cache_control_of(const Head& head) {
  CacheControl control;
  for (const Field& field : head.fields) {
    if (!equals_ignore_case(field.name, "cache-control")) continue;
    const bool permits = !field.removed;
    for_each_element(field.value, [&](std::string_view directive) {
      const auto name = directive.substr(0, directive.find('='));
      const auto is = [name](std::string_view other) { return equals_ignore_case(name, other); };
      control.forbids_to_share =
          control.forbids_to_share || is("no-store") || is("no-cache") || is("private");
      control.forbids = control.forbids || control.forbids_to_share || is("must-revalidate") ||
                        is("proxy-revalidate");
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

bool says_who_asks(const RequestHead& request) {
  return std::any_of(request.fields.begin(), request.fields.end(), [](const Field& field) {
    if (field.removed) return false;  // Nobody behind us sees it.
    if (field.id == FieldId::authorization) return true;
    const auto is_it = [&](std::string_view name) { return equals_ignore_case(field.name, name); };
    return std::any_of(std::begin(kCredentialFields), std::end(kCredentialFields), is_it) ||
           std::any_of(kIdentityFields.begin(), kIdentityFields.end(), is_it);
  });
}

bool has_ever_had(const Head& head, std::string_view name) {
  return std::any_of(head.fields.begin(), head.fields.end(),
                     [name](const Field& field) { return equals_ignore_case(field.name, name); });
}

}  // namespace epaulet::http

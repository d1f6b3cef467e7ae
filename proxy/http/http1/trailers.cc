#include "http/http1/trailers.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/ascii.h"

namespace epaulet::http::http1 {
namespace {

constexpr std::array<std::string_view, 14> kForbidden{
    "age",  "cache-control",   "content-encoding", "content-range", "content-type", "cookie",
    "date", "forwarded",       "location",         "max-forwards",  "range",        "set-cookie",
    "vary", "www-authenticate"};
constexpr std::array<std::string_view, 2> kForbiddenPrefixes{"if-", "x-forwarded-"};

bool is_forbidden_name(std::string_view name) {
  return std::any_of(kForbidden.begin(), kForbidden.end(),
                     [name](std::string_view one) { return equals_ignore_case(name, one); }) ||
         std::any_of(kForbiddenPrefixes.begin(), kForbiddenPrefixes.end(),
                     [name](std::string_view one) {
                       return equals_ignore_case(name.substr(0, one.size()), one);
                     });
}

bool may_pass(FieldId id, std::string_view name) {
  switch (id) {
    case FieldId::other:
      return !is_forbidden_name(name);
    case FieldId::b3:
    case FieldId::idempotency_key:
    case FieldId::traceparent:
    case FieldId::tracestate:
    case FieldId::x_b3:
      return true;
    case FieldId::authorization:
    case FieldId::connection:
    case FieldId::content_length:
    case FieldId::expect:
    case FieldId::host:
    case FieldId::keep_alive:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_connection:
    case FieldId::proxy_status:
    case FieldId::retry_after:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
    case FieldId::x_request_id:
    case FieldId::epaulet:
      return false;
  }
  return false;
}

}  // namespace

bool may_be_trailer(const Field& field) {
  if (!may_pass(field.id, field.name)) return false;
  if (field.name.find('_') == std::string_view::npos) return true;
  // CGI-like servers read "_" as "-" (RFC 3875 section 4.1.18): to them it is the other field.
  std::string meant(field.name);
  std::replace(meant.begin(), meant.end(), '_', '-');
  return may_pass(field_id(meant), meant);
}

}  // namespace epaulet::http::http1

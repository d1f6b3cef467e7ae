#include "http/message.h"

#include <array>
#include <utility>

#include "base/ascii.h"

namespace epaulet::http {
namespace {

constexpr std::array<std::pair<std::string_view, FieldId>, 20> kNames{{
    {"authorization", FieldId::authorization},
    {"b3", FieldId::b3},
    {"connection", FieldId::connection},
    {"content-length", FieldId::content_length},
    {"expect", FieldId::expect},
    {"host", FieldId::host},
    {"idempotency-key", FieldId::idempotency_key},
    {"keep-alive", FieldId::keep_alive},
    {"proxy-authenticate", FieldId::proxy_authenticate},
    {"proxy-authorization", FieldId::proxy_authorization},
    {"proxy-connection", FieldId::proxy_connection},
    {"proxy-status", FieldId::proxy_status},
    {"retry-after", FieldId::retry_after},
    {"te", FieldId::te},
    {"trailer", FieldId::trailer},
    {"transfer-encoding", FieldId::transfer_encoding},
    {"traceparent", FieldId::traceparent},
    {"tracestate", FieldId::tracestate},
    {"upgrade", FieldId::upgrade},
    {"x-request-id", FieldId::x_request_id},
}};

constexpr std::string_view kOwnPrefix = "x-epaulet-";
constexpr std::string_view kB3Prefix = "x-b3-";

/// Some servers read "_" in a field name as "-" (CGI): a forged x_epaulet_role must not slip
/// through.
constexpr bool equals_as_cgi(std::string_view name, std::string_view wanted) {
  if (name.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i] == '_' ? '-' : to_lower(name[i]);
    if (c != wanted[i]) return false;
  }
  return true;
}

}  // namespace

FieldId field_id(std::string_view name) {
  if (name.size() >= kOwnPrefix.size() &&
      equals_as_cgi(name.substr(0, kOwnPrefix.size()), kOwnPrefix)) {
    return FieldId::epaulet;
  }
  if (name.size() > kB3Prefix.size() &&
      equals_ignore_case(name.substr(0, kB3Prefix.size()), kB3Prefix)) {
    return FieldId::x_b3;
  }
  for (const auto& [known, id] : kNames) {
    if (known.size() == name.size() && known[0] == to_lower(name[0]) &&
        equals_ignore_case(known, name)) {
      return id;
    }
  }
  return FieldId::other;
}

Method method_of(std::string_view text) {
  // Methods are case-sensitive (RFC 9110 section 9.1).
  if (text == "GET") return Method::get;
  if (text == "POST") return Method::post;
  if (text == "HEAD") return Method::head;
  if (text == "PUT") return Method::put;
  if (text == "DELETE") return Method::del;
  if (text == "OPTIONS") return Method::options;
  if (text == "PATCH") return Method::patch;
  if (text == "TRACE") return Method::trace;
  if (text == "CONNECT") return Method::connect;
  return Method::other;
}

const Field* Head::find(FieldId id) const {
  for (const Field& field : fields) {
    if (field.id == id && !field.removed) return &field;
  }
  return nullptr;
}

const Field* Head::find(std::string_view name) const {
  for (const Field& field : fields) {
    if (!field.removed && equals_ignore_case(field.name, name)) return &field;
  }
  return nullptr;
}

void Head::remove(FieldId id) {
  for (Field& field : fields) {
    if (field.id == id) field.removed = true;
  }
}

}  // namespace epaulet::http

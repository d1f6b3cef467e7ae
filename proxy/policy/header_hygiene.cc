#include "policy/header_hygiene.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/identity_fields.h"
#include "http/cgi_name.h"
#include "http/criticality.h"
#include "http/deadline.h"
#include "http/each_line.h"
#include "http/hop_by_hop.h"

namespace epaulet {
namespace {

using http::begins_as_cgi;
using http::equals_as_cgi;

constexpr std::string_view kOwnPrefix = "x-epaulet-";
constexpr std::string_view kMirrored = "x-epaulet-mirrored";
constexpr std::string_view kRetriesExhausted = "x-epaulet-retries-exhausted";
constexpr std::string_view kForwardedPrefix = "x-forwarded-";

constexpr std::string_view kProxyStatus = "proxy-status";
constexpr std::array<std::string_view, 2> kOriginFields{"forwarded", "x-real-ip"};

template <std::size_t kCount>
bool is_one_of(std::string_view name, const std::array<std::string_view, kCount>& list) {
  return std::any_of(list.begin(), list.end(),
                     [&](std::string_view one) { return equals_as_cgi(name, one); });
}

/// A name of is_origin_field() as ingresses write it: apps that fold others into it must not take a
/// client's word for the ingress's.
bool is_in_own_spelling(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    const char low = to_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

/// Of the request, and not of its caller: read between remove_claims() and add_proofs().
bool is_sidecars_word(std::string_view name) {
  return equals_ignore_case(name, http::kDeadlineField) ||
         equals_ignore_case(name, http::kCriticalityField);
}

template <class Unwanted>
void remove_fields(http::Head& head, Unwanted unwanted) {
  for (http::Field& field : head.fields) {
    if (!field.removed && unwanted(field)) field.removed = true;
  }
}

}  // namespace

bool is_identity_field(std::string_view name) {
  if (name.size() < 2) return false;
  switch (to_lower(name.front())) {  // Most fields of a request stop here.
    case 'x':
    case 'l':
    case 'p':
      break;
    default:
      return false;
  }
  return begins_as_cgi(name, kOwnPrefix) || equals_as_cgi(name, kProxyStatus) ||
         is_one_of(name, kIdentityFields);
}

bool is_origin_field(std::string_view name) {
  if (name.empty()) return false;
  const char first = to_lower(name.front());
  if (first != 'x' && first != 'f') return false;
  return begins_as_cgi(name, kForwardedPrefix) || is_one_of(name, kOriginFields);
}

bool remove_claims(http::RequestHead& head, bool is_mesh_peer, const Ingress& ingress,
                   bool from_ingress) {
  bool origin_removed = false;
  remove_fields(head, [&](const http::Field& field) {
    if (is_sidecars_word(field.name)) return false;
    // No sidecar lets its app say this.
    if (is_mesh_peer && equals_ignore_case(field.name, kMirrored)) return false;
    if (is_identity_field(field.name)) return !from_ingress || !ingress.passes(field.name);
    if (!is_origin_field(field.name)) return false;
    const bool is_word_of_ingress = from_ingress && is_in_own_spelling(field.name);
    origin_removed = origin_removed || !is_word_of_ingress;
    return !is_word_of_ingress;
  });
  return origin_removed;
}

void add_proofs(http::RequestHead& head, const Principals& principals, const RoleTable& roles) {
  remove_fields(head, [](const http::Field& field) { return is_sidecars_word(field.name); });
  if (!principals.peer.empty()) {
    head.added.add("x-epaulet-peer", principals.peer);
    head.added.append("x-forwarded-client-cert: URI=");
    head.added.append(principals.peer);
    head.added.append("\r\n");
  }
  if (!principals.key_owner.empty()) head.added.add("x-epaulet-key-owner", principals.key_owner);
  std::string_view before = "x-epaulet-roles: ";
  roles.for_each_name(principals.roles, [&](std::string_view name) {
    head.added.append(before);
    head.added.append(name);
    before = ",";
  });
  if (before == ",") head.added.append("\r\n");
}

void clean_outbound_request(http::RequestHead& head, const Ingress& ingress) {
  remove_fields(head, [&](const http::Field& field) {
    return is_identity_field(field.name) && !ingress.passes(field.name);
  });
}

std::string clean_request_trailers(const http::RequestHead& head, std::string_view lines,
                                   const Authenticator* authenticator) {
  std::string kept;
  http::for_each_line(lines, [&](std::string_view line) {
    const auto name = line.substr(0, line.find(':'));
    const bool claims = authenticator != nullptr && authenticator->claims(name);
    if (!claims && !is_identity_field(name) && !is_origin_field(name) &&
        !http::is_nominated(head, name))
      kept.append(line).append("\r\n");
  });
  return kept;
}

void strip_own_words(http::ResponseHead& head) {
  remove_fields(head, [&](const http::Field& field) {
    if (equals_as_cgi(field.name, kProxyStatus))
      return field.value.find("epaulet") != std::string_view::npos;
    return begins_as_cgi(field.name, kOwnPrefix) &&
           !equals_ignore_case(field.name, kRetriesExhausted);
  });
}

void strip_response(http::ResponseHead& head, Reader reader, bool expose) {
  if (reader == Reader::mesh_sidecar || expose) return;
  remove_fields(head, [&](const http::Field& field) {
    if (equals_as_cgi(field.name, "proxy-status")) return true;
    if (!begins_as_cgi(field.name, kOwnPrefix)) return false;
    return reader != Reader::own_app || !equals_ignore_case(field.name, kRetriesExhausted);
  });
}

}  // namespace epaulet

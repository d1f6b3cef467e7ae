#include "http/http2/field_list.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/assert.h"
#include "http/each_line.h"
#include "http/http1/field_lines.h"
#include "http/http1/target.h"

namespace epaulet::http::http2 {
namespace {

/// RFC 9113 section 8.2.2; `TE` may say `trailers` and nothing else.
bool is_connection_specific(FieldId id, std::string_view value) {
  if (id == FieldId::te) return !equals_ignore_case(value, "trailers");
  return id == FieldId::connection || id == FieldId::keep_alive ||
         id == FieldId::proxy_connection || id == FieldId::transfer_encoding ||
         id == FieldId::upgrade;
}

/// RFC 8441 section 5: what they are for, HTTP/2 does by itself.
bool is_of_the_handshake(std::string_view name) {
  return equals_ignore_case(name, "sec-websocket-key") ||
         equals_ignore_case(name, "sec-websocket-accept");
}

std::size_t name_bytes(const Head& head) {
  std::size_t bytes = head.added.lines().size();
  for (const Field& field : head.fields) bytes += field.name.size();
  return bytes;
}

}  // namespace

void FieldList::begin(const Head& head) {
  constexpr std::size_t kPseudoFields = 4;
  const auto added = head.added.lines();
  fields_.clear();
  fields_.reserve(kPseudoFields + head.fields.size() +
                  static_cast<std::size_t>(std::count(added.begin(), added.end(), '\n')));
  names_.clear();
  names_.reserve(name_bytes(head));  // Views into it must not move.
}

void FieldList::request(const RequestHead& head, std::string_view scheme) {
  begin(head);
  const auto target = http1::forwarded_target(head);
  path_.assign(target.first).append(target.second);
  const bool connect = head.method == Method::connect;
  upgrades_ = !head.upgrade.empty();
  fields_.push_back({":method", upgrades_ ? "CONNECT" : head.method_text});
  if (upgrades_) fields_.push_back({":protocol", head.upgrade});
  if (!connect) {
    fields_.push_back({":scheme", scheme});
    fields_.push_back({":path", path_});
  }
  const Field* const host = head.find(FieldId::host);
  // HTTP/2 has no empty authority (RFC 9113 section 8.3.1), and nghttp2's servers insist on one.
  const auto authority = host != nullptr && !host->value.empty() ? host->value : head.authority;
  if (!authority.empty()) fields_.push_back({":authority", authority});
  put_head(head);
}

void FieldList::response(const ResponseHead& head) {
  begin(head);
  upgrades_ = head.status == 101;
  status_ = upgrades_ ? "200" : std::to_string(head.status);
  fields_.push_back({":status", status_});
  put_head(head);
}

void FieldList::trailers(std::string_view lines) {
  fields_.clear();
  names_.clear();
  names_.reserve(lines.size());
  upgrades_ = false;
  for_each_line(lines, [this](std::string_view line) { put_line(line); });
}

void FieldList::put_head(const Head& head) {
  for (const Field& field : head.fields) {
    if (field.removed || field.id == FieldId::host) continue;
    if (!is_connection_specific(field.id, field.value)) put(field.name, field.value);
  }
  for_each_line(head.added.lines(), [this](std::string_view line) { put_line(line); });
}

void FieldList::put_line(std::string_view line) {
  Field field;
  if (http1::parse_field_line(line, field) != http1::Fault::none) return;
  if (!is_connection_specific(field.id, field.value)) put(field.name, field.value);
}

void FieldList::put(std::string_view name, std::string_view value) {
  if (upgrades_ && is_of_the_handshake(name)) return;
  EPAULET_ASSERT(names_.size() + name.size() <= names_.capacity());
  const auto at = names_.size();
  for (const char c : name) names_.push_back(to_lower(c));
  fields_.push_back({std::string_view(names_).substr(at), value});
}

}  // namespace epaulet::http::http2

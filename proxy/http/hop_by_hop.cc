#include "http/hop_by_hop.h"

#include "base/ascii.h"

namespace epaulet::http {
namespace {

bool asks_for_trailers_only(const Field& field) {
  return equals_ignore_case(field.value, "trailers");
}

/// Options that are about the connection itself, or have a field that is judged by itself.
bool is_plain_option(std::string_view option) {
  return equals_ignore_case(option, "close") || equals_ignore_case(option, "keep-alive") ||
         equals_ignore_case(option, "te") || equals_ignore_case(option, "upgrade");
}

void remove_named(Head& head, std::string_view name) {
  for (Field& field : head.fields) {
    if (equals_ignore_case(field.name, name)) field.removed = true;
  }
}

/// Removed by its own right, whether it is nominated or not: old senders forget to.
bool belongs_to_one_connection(const Field& field, Upgrading upgrading) {
  switch (field.id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
      return true;
    case FieldId::te:
      return !asks_for_trailers_only(field);
    case FieldId::upgrade:
      return upgrading == Upgrading::no;
    case FieldId::other:
    case FieldId::authorization:
    case FieldId::b3:
    case FieldId::content_length:
    case FieldId::expect:
    case FieldId::host:
    case FieldId::idempotency_key:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_status:
    case FieldId::retry_after:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::traceparent:
    case FieldId::tracestate:
    case FieldId::x_b3:
    case FieldId::x_request_id:
    case FieldId::epaulet:
      return false;
  }
  return false;
}

}  // namespace

void remove_hop_by_hop(Head& head, Upgrading upgrading) {
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    if (head.fields[i].id != FieldId::connection) continue;
    for_each_element(head.fields[i].value, [&](std::string_view option) {
      if (!is_plain_option(option)) remove_named(head, option);
    });
  }
  bool keeps_te = false;
  bool keeps_upgrade = false;
  for (Field& field : head.fields) {
    if (field.removed) continue;
    if (belongs_to_one_connection(field, upgrading)) {
      field.removed = true;
    } else {
      keeps_te = keeps_te || field.id == FieldId::te;
      keeps_upgrade = keeps_upgrade || field.id == FieldId::upgrade;
    }
  }
  if (keeps_te && keeps_upgrade) {
    head.added.add("Connection", "Upgrade, TE");
  } else if (keeps_upgrade) {
    head.added.add("Connection", "Upgrade");
  } else if (keeps_te) {
    head.added.add("Connection", "TE");
  }
}

bool is_nominated(const Head& head, std::string_view name) {
  bool found = false;
  for (const Field& field : head.fields) {
    if (field.id != FieldId::connection) continue;
    for_each_element(field.value, [&](std::string_view option) {
      found = found || (!is_plain_option(option) && equals_ignore_case(option, name));
    });
  }
  return found;
}

}  // namespace epaulet::http

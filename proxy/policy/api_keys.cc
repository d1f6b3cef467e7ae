#include "policy/api_keys.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/limits.h"
#include "crypto/jose_hash.h"
#include "http/cgi_name.h"

namespace epaulet {
namespace {

/// Looks at every byte, whatever the ones before it said.
bool are_equal(const Sha256& a, const Sha256& b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

struct Named {
  const http::Field* field = nullptr;
  bool several = false;
};

Named find_field(const http::RequestHead& head, std::string_view name) {
  Named found;
  for (const http::Field& field : head.fields) {
    if (field.removed || field.value.empty() || !equals_ignore_case(field.name, name)) continue;
    found.several = found.field != nullptr;
    found.field = &field;
    if (found.several) break;
  }
  return found;
}

void remove_as_cgi(http::RequestHead& head, std::string_view name) {
  for (http::Field& field : head.fields) {
    if (!field.removed && http::equals_as_cgi(field.name, name)) field.removed = true;
  }
}

}  // namespace

std::string_view name_of(KeyFailure failure) {
  switch (failure) {
    case KeyFailure::none:
      return "none";
    case KeyFailure::several:
      return "several";
    case KeyFailure::unknown:
      return "unknown";
    case KeyFailure::owner_missing:
      return "owner_missing";
    case KeyFailure::owner_wrong:
      return "owner_wrong";
  }
  return "none";
}

ApiKeys::ApiKeys(ApiKeySettings settings, const ApiKeyHashes& hashes)
    : settings_(std::move(settings)) {
  for (const auto& [name, of_owner] : hashes) {
    for (const Sha256& hash : of_owner) {
      keys_.push_back({hash, static_cast<std::uint32_t>(owners_.size())});
    }
    owners_.push_back(name);
  }
}

ApiKeys::Shown ApiKeys::find(const http::RequestHead& head) const {
  Shown shown;
  if (empty()) return shown;
  const auto key = find_field(head, settings_.header);
  if (key.field == nullptr) return shown;
  const auto said =
      settings_.owner_header.empty() ? Named() : find_field(head, settings_.owner_header);
  if (key.several || said.several) {
    shown.failure = KeyFailure::several;
    return shown;
  }
  shown.failure = KeyFailure::unknown;
  if (key.field->value.size() > limits::kApiKeyBytesMax) return shown;
  const Sha256 hash = hash_token(key.field->value);
  const Key* match = nullptr;
  for (const Key& one : keys_) match = are_equal(one.hash, hash) ? &one : match;
  if (match == nullptr) return shown;
  const std::string& owner = owners_[match->owner];
  if (!settings_.owner_header.empty() && said.field == nullptr) {
    shown.failure = KeyFailure::owner_missing;
  } else if (said.field != nullptr && said.field->value != owner) {
    shown.failure = KeyFailure::owner_wrong;
  } else {
    shown.failure = KeyFailure::none;
    shown.owner = owner;
  }
  return shown;
}

void ApiKeys::strip(http::RequestHead& head, bool is_proven) const {
  if (empty()) return;
  if (!settings_.forward) remove_as_cgi(head, settings_.header);
  if (settings_.owner_header.empty()) return;
  for (http::Field& field : head.fields) {
    if (field.removed || !http::equals_as_cgi(field.name, settings_.owner_header)) continue;
    field.removed = !is_proven || !equals_ignore_case(field.name, settings_.owner_header);
  }
}

bool ApiKeys::claims(std::string_view field_name) const {
  if (empty()) return false;
  return http::equals_as_cgi(field_name, settings_.header) ||
         (!settings_.owner_header.empty() &&
          http::equals_as_cgi(field_name, settings_.owner_header));
}

}  // namespace epaulet

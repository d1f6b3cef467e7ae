#include "policy/roles.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace epaulet {
namespace {

/// Takes the text up to the next slash off `rest`, and the slash.
std::string_view take_segment(std::string_view& rest) {
  const auto slash = rest.find('/');
  const auto segment = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return segment;
}

/// A text that no other sequence of fields gives: each with its length before it.
void append_field(std::string& out, std::string_view field) {
  out.append(std::to_string(field.size())).append(":").append(field);
}

}  // namespace

IdentityPattern::IdentityPattern(std::string_view text) {
  while (!text.empty()) {
    auto segment = take_segment(text);
    if (segment == "**" && text.empty()) {
      open_ = true;
      return;
    }
    const bool any_rest = segment.ends_with('*');
    if (any_rest) segment.remove_suffix(1);
    segments_.push_back({.text = std::string(segment), .any_rest = any_rest});
  }
}

bool IdentityPattern::matches(std::string_view spiffe_id) const {
  for (const Segment& wanted : segments_) {
    if (spiffe_id.empty()) return false;
    const auto segment = take_segment(spiffe_id);
    if (!wanted.any_rest) {
      if (segment != wanted.text) return false;
    } else if (segment.empty() || !segment.starts_with(wanted.text)) {
      return false;
    }
  }
  return open_ ? !spiffe_id.empty() : spiffe_id.empty();
}

RoleTable::RoleTable(const std::map<std::string, RoleSettings>& roles)
    : names_{"anyone", "authenticated"} {
  EPAULET_ASSERT(roles.size() + names_.size() <= limits::kRolesMax);  // config/ refuses more.
  std::string all;
  for (const auto& [name, role] : roles) {
    const std::size_t index = names_.size();
    names_.push_back(name);
    append_field(all, name);
    for (const RoleGrantSettings& grant : role.grants) {
      if (!grant.identity.empty())
        identity_grants_.push_back({IdentityPattern(grant.identity), index});
      if (!grant.token) continue;
      token_grants_.push_back({*grant.token, index});
      append_field(all, grant.token->issuer);
      append_field(all, grant.token->claim);
      append_field(all, grant.token->value);
    }
    append_field(all, "");
  }
  digest_ = sha256({reinterpret_cast<const std::uint8_t*>(all.data()), all.size()});
}

std::optional<std::size_t> RoleTable::index_of(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names_.begin());
}

RoleSet RoleTable::of_anyone() {
  RoleSet roles;
  roles.insert(kAnyone);
  return roles;
}

RoleSet RoleTable::of_identity(std::string_view spiffe_id) const {
  RoleSet roles = of_anyone();
  roles.insert(kAuthenticated);
  for (const IdentityGrant& grant : identity_grants_) {
    if (grant.pattern.matches(spiffe_id)) roles.insert(grant.role);
  }
  return roles;
}

RoleSet RoleTable::of_token(std::string_view issuer, const JwtClaims& claims) const {
  RoleSet roles = of_anyone();
  roles.insert(kAuthenticated);
  for (const TokenGrant& grant : token_grants_) {
    if (grant.token.issuer == issuer && claims.has(grant.token.claim, grant.token.value))
      roles.insert(grant.role);
  }
  return roles;
}

}  // namespace epaulet

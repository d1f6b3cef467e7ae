#include "policy/roles.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace epaulet {
namespace {

/// No role has a blank in its name.
const std::string kPermissionPrefix = "permission ";

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

RoleTable::RoleTable(const std::map<std::string, RoleSettings>& roles,
                     const std::set<std::string>& permissions)
    : names_{"anyone", "authenticated"} {
  // config/ refuses more.
  EPAULET_ASSERT(roles.size() + permissions.size() + names_.size() <= limits::kRolesMax);
  for (const auto& [name, role] : roles) {
    names_.push_back(name);
    for (const RoleGrantSettings& grant : role.grants) add(grant, names_.size() - 1);
  }
  permissions_begin_ = names_.size();
  for (const std::string& permission : permissions) {
    names_.push_back(kPermissionPrefix + permission);
  }
  std::string all;
  for (const std::string& name : names_) append_field(all, name);
  for (const TokenGrant& grant : token_grants_) {
    append_field(all, std::to_string(grant.role));
    append_field(all, grant.issuer);
    for (const std::string& name : grant.claim) append_field(all, name);
    append_field(all, "");
    append_field(all, grant.value);
  }
  digest_ = sha256({reinterpret_cast<const std::uint8_t*>(all.data()), all.size()});
}

void RoleTable::add(const RoleGrantSettings& grant, std::size_t role) {
  if (!grant.identity.empty()) identity_grants_.push_back({IdentityPattern(grant.identity), role});
  if (grant.key) owner_grants_.push_back({grant.key->owner, role});
  if (grant.network) network_grants_.push_back({*grant.network, role});
  if (!grant.token) return;
  const auto& token = *grant.token;
  if (!token.permission.empty()) {
    token_grants_.push_back({token.issuer, {}, token.permission, role});
  } else if (!token.claim.empty()) {
    token_grants_.push_back({token.issuer, {token.claim}, token.value, role});
  } else {
    token_grants_.push_back({token.issuer, token.claim_path, token.value, role});
  }
}

std::optional<std::size_t> RoleTable::index_of(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names_.begin());
}

std::optional<std::size_t> RoleTable::index_of_permission(std::string_view name) const {
  return index_of(kPermissionPrefix + std::string(name));
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
    if (grant.issuer != issuer) continue;
    const bool holds = grant.claim.empty() ? claims.permits(grant.value)
                                           : claims.has(std::span(grant.claim), grant.value);
    if (holds) roles.insert(grant.role);
  }
  for (std::size_t role = permissions_begin_; role < names_.size(); ++role) {
    const auto permission = std::string_view(names_[role]).substr(kPermissionPrefix.size());
    if (claims.permits(permission)) roles.insert(role);
  }
  return roles;
}

RoleSet RoleTable::of_key_owner(std::string_view owner) const {
  RoleSet roles = of_anyone();
  roles.insert(kAuthenticated);
  for (const OwnerGrant& grant : owner_grants_) {
    if (grant.owner == owner) roles.insert(grant.role);
  }
  return roles;
}

RoleSet RoleTable::of_address(const IpAddress& address) const {
  RoleSet roles;
  for (const NetworkGrant& grant : network_grants_) {
    if (grant.network.contains(address)) roles.insert(grant.role);
  }
  return roles;
}

}  // namespace epaulet

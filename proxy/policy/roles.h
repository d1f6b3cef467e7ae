#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "config/settings.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "policy/role_set.h"

namespace epaulet {

/// A pattern of SPIFFE IDs. `*` at the end of a segment stands for the rest of that segment, at
/// least one character if the segment is `*` alone; `**` as the last segment for any rest of at
/// least one segment. All else byte by byte: SPIFFE IDs are case-sensitive and have no
/// percent-encoding.
class IdentityPattern {
 public:
  explicit IdentityPattern(std::string_view text);
  [[nodiscard]] bool matches(std::string_view spiffe_id) const;

 private:
  struct Segment {
    std::string text;
    bool any_rest = false;
  };
  std::vector<Segment> segments_;
  bool open_ = false;
};

/// The roles of one snapshot and who holds them. Immutable; asking allocates nothing.
class RoleTable {
 public:
  static constexpr std::size_t kAnyone = 0;         ///< Every caller holds it.
  static constexpr std::size_t kAuthenticated = 1;  ///< Every principal holds it.

  /// At most limits::kRolesMax roles and permissions with the two built-in roles, none of them
  /// named like these. A permission of `permissions` (what rules ask for) stands among the roles,
  /// but is none: it is held by whoever's token permits it.
  explicit RoleTable(const std::map<std::string, RoleSettings>& roles,
                     const std::set<std::string>& permissions = {});

  [[nodiscard]] std::optional<std::size_t> index_of(std::string_view name) const;
  [[nodiscard]] std::optional<std::size_t> index_of_permission(std::string_view name) const;
  /// Of a permission: "permission read:orders".
  [[nodiscard]] const std::string& name_of(std::size_t role) const { return names_[role]; }

  /// What every caller holds.
  [[nodiscard]] static RoleSet of_anyone();
  /// What a verified peer holds by its SPIFFE ID; the built-in roles among it.
  [[nodiscard]] RoleSet of_identity(std::string_view spiffe_id) const;
  /// What a verified token gives; `issuer` is its name under `issuers`. The built-in roles among
  /// it.
  [[nodiscard]] RoleSet of_token(std::string_view issuer, const JwtClaims& claims) const;

  /// What whoever shows a key of this owner holds, the built-in roles among it.
  [[nodiscard]] RoleSet of_key_owner(std::string_view owner) const;
  /// What connections from this address hold.
  [[nodiscard]] RoleSet of_address(const IpAddress& address) const;

  /// Calls `visit(name)` for each of `roles` without the built-in ones, in order of name.
  template <class Visit>
  void for_each_name(const RoleSet& roles, Visit&& visit) const {
    roles.for_each([&](std::size_t role) {
      if (role > kAuthenticated && role < permissions_begin_) visit(std::string_view(names_[role]));
    });
  }

  /// The same with permissions.
  template <class Visit>
  void for_each_held(const RoleSet& roles, Visit&& visit) const {
    roles.for_each([&](std::size_t role) {
      if (role > kAuthenticated) visit(std::string_view(names_[role]));
    });
  }

  /// Of all that of_token() depends on, the indexes among it.
  [[nodiscard]] const Sha256& digest() const { return digest_; }

 private:
  struct IdentityGrant {
    IdentityPattern pattern;
    std::size_t role = 0;
  };
  struct TokenGrant {
    std::string issuer;
    std::vector<std::string> claim;  ///< Names on the way; empty: `value` is a permission.
    std::string value;
    std::size_t role = 0;
  };
  struct OwnerGrant {
    std::string owner;
    std::size_t role = 0;
  };
  struct NetworkGrant {
    IpNetwork network;
    std::size_t role = 0;
  };
  void add(const RoleGrantSettings& grant, std::size_t role);

  std::vector<std::string> names_;  ///< By index; ascending behind the built-in ones, then
                                    ///< permissions.
  std::size_t permissions_begin_ = 0;
  std::vector<OwnerGrant> owner_grants_;
  std::vector<NetworkGrant> network_grants_;
  std::vector<IdentityGrant> identity_grants_;
  std::vector<TokenGrant> token_grants_;
  Sha256 digest_{};
};

}  // namespace epaulet

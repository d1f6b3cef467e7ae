#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/limits.h"

namespace epaulet {

/// A set of roles by their index in the snapshot's RoleTable. Thirty-two bytes, no allocation.
class RoleSet {
 public:
  constexpr void insert(std::size_t role) {
    EPAULET_ASSERT(role < limits::kRolesMax);
    words_[role / 64] |= std::uint64_t{1} << role % 64;
  }
  [[nodiscard]] constexpr bool contains(std::size_t role) const {
    return role < limits::kRolesMax && (words_[role / 64] >> role % 64 & 1) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return *this == RoleSet(); }
  /// Whether the two have a role in common.
  [[nodiscard]] constexpr bool intersects(const RoleSet& other) const {
    std::uint64_t common = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) common |= words_[i] & other.words_[i];
    return common != 0;
  }
  /// Whether all of `others` are among these.
  [[nodiscard]] constexpr bool contains_all(const RoleSet& others) const {
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) missing |= others.words_[i] & ~words_[i];
    return missing == 0;
  }
  constexpr RoleSet& operator|=(const RoleSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  /// In ascending order.
  template <class Visit>
  constexpr void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        visit(i * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
      }
    }
  }
  friend constexpr bool operator==(const RoleSet&, const RoleSet&) = default;

 private:
  std::array<std::uint64_t, limits::kRolesMax / 64> words_{};
};

}  // namespace epaulet

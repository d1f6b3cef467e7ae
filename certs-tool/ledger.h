#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/reason.h"
#include "crypto/wall_time.h"

namespace epaulet::certs {

/// What a CA remembers besides its certificates: until when leaves live that lead to each of its
/// roots, and how far the rotation of a root is. This is what makes a rotation safe: each step
/// waits for the end of the leaves that do not know of the step before.
struct Ledger {
  /// By the root's SHA-256, in hexadecimal.
  std::map<std::string, WallTime, std::less<>> leaves_until;

  struct Rotation {
    enum class Step : std::uint8_t {
      announced,  ///< Old and new are trusted, the old one signs.
      switched,   ///< Old and new are trusted, the new one signs.
    };
    Step step = Step::announced;
    std::string old_root;  ///< SHA-256, in hexadecimal.
    std::string new_root;
    /// The next step is safe from then on.
    WallTime wait_until{};
  };
  std::optional<Rotation> rotation;

  /// `name` stands for the text in the reason.
  [[nodiscard]] static Checked<Ledger> parse(std::string_view json, std::string_view name);
  [[nodiscard]] std::string to_json() const;

  /// Never takes time away. True: the ledger changed.
  bool note_leaf(const std::string& root, WallTime until);
  /// WallTime::min(): no leaf is known.
  [[nodiscard]] WallTime until(const std::string& root) const;
};

}  // namespace epaulet::certs
